#include "prefix/index.h"

#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "base/rng.h"

namespace inference::prefix {
namespace {

using Chain = std::vector<uint64_t>;

uint64_t Hash(uint64_t n) {
  return XXH64(&n, sizeof n, 1);
}

Chain MakeChain(std::initializer_list<uint64_t> blocks) {
  Chain chain;
  for (const uint64_t block : blocks) chain.push_back(Hash(block));
  return chain;
}

Chain Numbered(uint64_t first, size_t size) {
  Chain chain;
  for (size_t i = 0; i < size; ++i) chain.push_back(Hash(first + i));
  return chain;
}

std::vector<uint32_t> Match(const Index& index, const Chain& chain, std::vector<uint32_t> ids) {
  std::vector<uint32_t> matches(ids.size(), 0);
  Index::Scratch scratch;
  index.Match(chain, ids, matches, scratch);
  return matches;
}

using Counts = std::vector<uint32_t>;

TEST_CASE("an endpoint matches up to the first block it does not hold") {
  Index index(1);
  index.Record(1, 100, MakeChain({1, 2}));
  index.Record(3, 100, MakeChain({1, 2}));
  CHECK(Match(index, MakeChain({1, 3}), {1, 2, 3}) == Counts{1, 0, 1});
  CHECK(Match(index, MakeChain({1, 2}), {3, 2, 1}) == Counts{2, 0, 2});
  CHECK(Match(index, MakeChain({3, 2}), {1, 2, 3}) == Counts{0, 0, 0});
  CHECK(Match(index, {}, {1, 2, 3}) == Counts{0, 0, 0});
}

TEST_CASE("a prompt that grows keeps what it matched") {
  Index index(1);
  index.Record(1, 100, MakeChain({1, 2, 3}));
  CHECK(Match(index, MakeChain({1, 2, 3, 4, 5, 6}), {1}) == Counts{3});
  index.Record(1, 100, MakeChain({1, 2, 3, 4, 5, 6}));
  CHECK(Match(index, MakeChain({1, 2, 3, 4, 5, 6}), {1}) == Counts{6});
  CHECK(index.BlocksOf(1) == 6);
}

TEST_CASE("blocks behind a gap are of no use and do not count") {
  Index index(1);
  index.Record(1, 100, MakeChain({1, 2, 3, 4}));
  index.Record(2, 100, MakeChain({1, 9, 3, 4}));
  CHECK(Match(index, MakeChain({1, 2, 3, 4}), {1, 2}) == Counts{4, 1});
}

TEST_CASE("matches of several prompts add up") {
  Index index(1);
  index.Record(1, 100, MakeChain({1, 2}));
  index.Record(1, 100, MakeChain({5, 6, 7}));
  std::vector<uint32_t> ids{1}, matches{0};
  Index::Scratch scratch;
  index.Match(MakeChain({1, 2}), ids, matches, scratch);
  index.Match(MakeChain({5, 6}), ids, matches, scratch);
  CHECK(matches == Counts{4});
}

TEST_CASE("capacity is never exceeded, over all shards together") {
  Index index(1);
  base::Rng rng(5);
  for (int i = 0; i < 3000; ++i) {
    index.Record(1, 100, Numbered(rng.Below(5000) * 100, 1 + rng.Below(30)));
    REQUIRE(index.BlocksOf(1) <= 100);
  }
  CHECK(index.BlocksOf(1) >= 60);
  CHECK(index.ReadStats().blocks == index.BlocksOf(1));
}

TEST_CASE("a chain longer than the capacity keeps its start") {
  Index index(1);
  index.Record(1, 5, Numbered(0, 20));
  CHECK(Match(index, Numbered(0, 20), {1}) == Counts{5});
  index.Record(2, 0, Numbered(0, 20));
  CHECK(Match(index, Numbered(0, 20), {2}) == Counts{0});
}

TEST_CASE("a smaller capacity takes effect with the next record") {
  Index index(1);
  for (uint64_t i = 0; i < 20; ++i) index.Record(1, 1000, Numbered(i * 100, 10));
  REQUIRE(index.BlocksOf(1) == 200);
  index.Record(1, 50, Numbered(0, 10));
  CHECK(index.BlocksOf(1) <= 50);
  CHECK(Match(index, Numbered(0, 10), {1}) == Counts{10});
}

TEST_CASE("the oldest goes first, the end of a chain before its start") {
  Index index(1);
  // One first block, so that all lies in one shard and the order is exact.
  index.Record(1, 8, MakeChain({1, 2, 3, 4}));
  index.Record(1, 8, MakeChain({1, 12, 13, 14, 15}));
  REQUIRE(index.BlocksOf(1) == 8);
  index.Record(1, 8, MakeChain({1, 22}));
  CHECK(Match(index, MakeChain({1, 2, 3, 4}), {1}) == Counts{3});
  CHECK(Match(index, MakeChain({1, 12, 13, 14, 15}), {1}) == Counts{5});
  CHECK(Match(index, MakeChain({1, 22}), {1}) == Counts{2});
}

TEST_CASE("recording again keeps a chain, matching does not") {
  const auto survives = [](bool record_again) {
    Index index(1);
    index.Record(1, 9, MakeChain({1, 2, 3}));
    index.Record(1, 9, MakeChain({1, 12, 13}));
    index.Record(1, 9, MakeChain({1, 22, 23}));
    if (record_again) {
      index.Record(1, 9, MakeChain({1, 2, 3}));
    } else {
      Match(index, MakeChain({1, 2, 3}), {1});
    }
    index.Record(1, 9, MakeChain({1, 32, 33, 34}));
    return Match(index, MakeChain({1, 2, 3}), {1}).front();
  };
  CHECK(survives(true) == 3);
  CHECK(survives(false) < 3);
}

TEST_CASE("chains nobody sends any more make room, in whatever shard they lie") {
  Index index(1);
  for (uint64_t i = 0; i < 50; ++i) index.Record(1, 1000, Numbered(i * 1000, 20));
  for (uint64_t round = 0; round < 20; ++round) {
    for (uint64_t i = 100; i < 140; ++i) index.Record(1, 1000, Numbered(i * 1000, 20));
  }
  uint32_t held = 0;
  for (uint64_t i = 100; i < 140; ++i) held += Match(index, Numbered(i * 1000, 20), {1}).front();
  CHECK(held > 700);  // of 800
}

TEST_CASE("a removed endpoint is forgotten and stays so") {
  Index index(1);
  for (uint64_t i = 0; i < 40; ++i) {
    index.Record(1, 1000, Numbered(i * 100, 10));
    index.Record(2, 1000, Numbered(i * 100, 10));
  }
  index.Remove(1);
  CHECK(Match(index, Numbered(0, 10), {1, 2}) == Counts{0, 10});
  CHECK(index.BlocksOf(1) == 0);
  CHECK(index.ReadStats().blocks == 400);
  index.Record(1, 1000, Numbered(0, 10));  // a pick that was under way
  CHECK(Match(index, Numbered(0, 10), {1}) == Counts{0});
  index.Remove(7);
  // The freed number in the shards is used again.
  index.Record(9, 1000, Numbered(0, 10));
  CHECK(Match(index, Numbered(0, 10), {9, 2}) == Counts{10, 10});
}

TEST_CASE("blocks held by many endpoints") {
  Index index(1);
  std::vector<uint32_t> ids;
  for (uint32_t id = 1; id <= 2000; ++id) {
    index.Record(id, 50, Numbered(0, 1 + id % 10));
    ids.push_back(id);
  }
  const auto matches = Match(index, Numbered(0, 10), ids);
  for (uint32_t id = 1; id <= 2000; ++id) REQUIRE(matches[id - 1] == 1 + id % 10);
  for (uint32_t id = 1; id <= 1998; ++id) index.Remove(id);
  CHECK(Match(index, Numbered(0, 10), {1, 1998, 1999, 2000}) == Counts{0, 0, 10, 1});
  CHECK(index.ReadStats().blocks == 11);
}

TEST_CASE("memory per held block is bounded") {
  for (const size_t blocks : {100'000, 140'000, 200'000, 270'000}) {
    CAPTURE(blocks);
    Index index(3);
    for (size_t i = 0; i < blocks / 50; ++i) {
      index.Record(static_cast<uint32_t>(i % 10), 1'000'000, Numbered(i * 50, 50));
    }
    const Index::Stats stats = index.ReadStats();
    CHECK(stats.blocks == blocks);
    CHECK(stats.endpoints == 10);
    CHECK(static_cast<double>(stats.bytes) / static_cast<double>(stats.blocks) <= 40.0);
    for (uint32_t id = 0; id < 10; ++id) index.Remove(id);
    CHECK(index.ReadStats().bytes < 1'000'000);
  }
}

// The index beside the plainest model of it, without eviction.
TEST_CASE("random records, matches and removals agree with a plain model") {
  Index index(11);
  std::vector<std::vector<Chain>> model(6);
  base::Rng rng(42);
  for (int step = 0; step < 4000; ++step) {
    Chain chain{Hash(rng.Below(8))};
    for (uint32_t n = rng.Below(6); n > 0; --n) {
      chain.push_back(Hash(chain.back() + rng.Below(3)));
    }
    const uint32_t id = rng.Below(6);
    if (rng.Below(3) == 0) {
      index.Record(id, 1'000'000, chain);
      model[id].push_back(chain);
    }
    for (uint32_t e = 0; e < 6; ++e) {
      size_t expected = 0;
      for (const Chain& held : model[e]) {
        const auto [at, unused] =
            std::mismatch(held.begin(), held.end(), chain.begin(), chain.end());
        expected = std::max(expected, static_cast<size_t>(at - held.begin()));
      }
      REQUIRE(Match(index, chain, {e}).front() == expected);
    }
  }
}

TEST_CASE("threads record, match and remove at once") {
  Index index(1);
  std::atomic<bool> plausible{true};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&index, &plausible, t] {
      base::Rng rng(t);
      Index::Scratch scratch;
      for (int i = 0; i < 1500; ++i) {
        const Chain chain = Numbered(rng.Below(40) * 100, 1 + rng.Below(20));
        std::vector<uint32_t> ids{1, 2, 3}, matches(3, 0);
        index.Match(chain, ids, matches, scratch);
        for (const uint32_t match : matches) plausible = plausible && match <= chain.size();
        index.Record(1 + rng.Below(3), 150, chain);
        if (t == 0 && i == 900) index.Remove(3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(plausible);
  CHECK(index.BlocksOf(1) <= 150);
  CHECK(index.BlocksOf(2) <= 150);
  CHECK(index.BlocksOf(3) == 0);
  CHECK(index.ReadStats().blocks == index.BlocksOf(1) + index.BlocksOf(2));
}

}  // namespace
}  // namespace inference::prefix
