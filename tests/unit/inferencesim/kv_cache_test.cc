#include "inferencesim/kv_cache.h"

#include <catch2/catch.hpp>
#include <vector>

namespace inference::sim {
namespace {

using Blocks = std::vector<KvCache::BlockId>;

Blocks Fill(KvCache* cache, const std::vector<uint64_t>& hashes) {
  Blocks blocks;
  REQUIRE(cache->Allocate({}, static_cast<uint32_t>(hashes.size()), &blocks));
  for (size_t i = 0; i < hashes.size(); ++i) cache->Publish(blocks[i], hashes[i]);
  return blocks;
}

TEST_CASE("blocks are counted exactly") {
  KvCache cache(10, true);
  Blocks a;
  Blocks b;
  REQUIRE(cache.Allocate({}, 4, &a));
  REQUIRE(cache.Allocate({}, 6, &b));
  CHECK(cache.free_blocks() == 0);
  CHECK(cache.usage() == 1.0);
  Blocks none;
  CHECK_FALSE(cache.Allocate({}, 1, &none));
  CHECK(none.empty());
  cache.Free(&a);
  CHECK(a.empty());
  CHECK(cache.used_blocks() == 6);
  CHECK(cache.usage() == Approx(0.6));
}

TEST_CASE("a shared block is used once and free when its last user leaves") {
  KvCache cache(4, true);
  const std::vector<uint64_t> hashes = {11, 12};
  Blocks a = Fill(&cache, hashes);
  Blocks b;
  REQUIRE(cache.CountCached(hashes) == 2);
  REQUIRE(cache.Allocate(hashes, 1, &b));
  CHECK(cache.used_blocks() == 3);
  CHECK(b[0] == a[0]);
  cache.Free(&a);
  CHECK(cache.used_blocks() == 3);
  cache.Free(&b);
  CHECK(cache.used_blocks() == 0);
  CHECK(cache.CountCached(hashes) == 2);
}

TEST_CASE("content that nobody uses is evicted oldest first, tails before heads") {
  KvCache cache(4, true);
  Blocks old = Fill(&cache, {1, 2});
  Blocks recent = Fill(&cache, {3, 4});
  cache.Free(&old);
  cache.Free(&recent);
  Blocks fresh;
  REQUIRE(cache.Allocate({}, 1, &fresh));
  CHECK(cache.CountCached(std::vector<uint64_t>{1, 2}) == 1);
  REQUIRE(cache.Allocate({}, 1, &fresh));
  CHECK(cache.CountCached(std::vector<uint64_t>{1}) == 0);
  CHECK(cache.CountCached(std::vector<uint64_t>{3, 4}) == 2);
}

TEST_CASE("use makes content recent again") {
  KvCache cache(2, true);
  Blocks a = Fill(&cache, {1});
  Blocks b = Fill(&cache, {2});
  cache.Free(&a);
  cache.Free(&b);
  REQUIRE(cache.Allocate(std::vector<uint64_t>{1}, 0, &a));
  cache.Free(&a);
  Blocks fresh;
  REQUIRE(cache.Allocate({}, 1, &fresh));
  CHECK(cache.CountCached(std::vector<uint64_t>{1}) == 1);
  CHECK(cache.CountCached(std::vector<uint64_t>{2}) == 0);
}

TEST_CASE("cached blocks that are free count against the free ones") {
  KvCache cache(2, true);
  Blocks a = Fill(&cache, {1});
  cache.Free(&a);
  Blocks b;
  // One cached and two fresh would be three of two.
  CHECK_FALSE(cache.Allocate(std::vector<uint64_t>{1}, 2, &b));
  CHECK(cache.used_blocks() == 0);
  CHECK(cache.Allocate(std::vector<uint64_t>{1}, 1, &b));
  CHECK(cache.free_blocks() == 0);
}

TEST_CASE("a reset forgets content, but not while blocks are in use") {
  KvCache cache(2, true);
  Blocks a = Fill(&cache, {1});
  CHECK_FALSE(cache.Reset());
  cache.Free(&a);
  CHECK(cache.Reset());
  CHECK(cache.CountCached(std::vector<uint64_t>{1}) == 0);
  CHECK(cache.cached_blocks() == 0);
}

TEST_CASE("without prefix caching nothing is found") {
  KvCache cache(2, false);
  Fill(&cache, {1});
  CHECK(cache.CountCached(std::vector<uint64_t>{1}) == 0);
}

}  // namespace
}  // namespace inference::sim
