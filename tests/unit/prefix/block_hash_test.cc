#include "prefix/block_hash.h"

#include <xxhash.h>

#include <catch2/catch.hpp>
#include <string>

namespace inference::prefix {
namespace {

using Pieces = std::vector<std::string_view>;

std::vector<uint64_t> Chain(const Pieces& pieces, uint32_t block_tokens, size_t max_blocks = 1000,
                            uint64_t start = 7) {
  std::vector<uint64_t> chain;
  AppendChain(start, pieces, block_tokens, max_blocks, chain);
  return chain;
}

// The definition, over the joined and padded prompt.
std::vector<uint64_t> Reference(std::string joined, uint32_t block_tokens, uint64_t start = 7) {
  while (joined.size() % 4 != 0) joined += '\0';
  std::vector<uint64_t> chain;
  uint64_t previous = start;
  for (size_t at = 0; at < joined.size(); at += size_t{block_tokens} * 4) {
    const std::string block = joined.substr(at, size_t{block_tokens} * 4);
    uint64_t both[2] = {XXH64(block.data(), block.size(), 0), previous};
    previous = XXH64(both, sizeof both, 0);
    chain.push_back(previous);
  }
  return chain;
}

std::string Text(size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i * 7 % 26);
  return text;
}

TEST_CASE("a chain starts from model and salt together") {
  CHECK(ChainStart("llama", "") == XXH64("llama", 5, 0));
  CHECK(ChainStart("llama", "-7") == XXH64("llama-7", 7, 0));
  CHECK(ChainStart("llama", "a") != ChainStart("llama", "b"));
}

TEST_CASE("blocks are hashed as defined, the short last one too") {
  for (const size_t size : {1, 3, 4, 15, 16, 17, 31, 32, 33, 100, 257}) {
    CAPTURE(size);
    const std::string text = Text(size);
    CHECK(Chain({text}, 4) == Reference(text, 4));
  }
  CHECK(Chain({}, 4).empty());
  CHECK(Chain({"", ""}, 4).empty());
}

TEST_CASE("how the prompt is cut into pieces does not matter") {
  const std::string text = Text(203);
  const auto expected = Reference(text, 4);
  for (size_t step = 1; step < 60; ++step) {
    CAPTURE(step);
    Pieces pieces;
    for (size_t at = 0; at < text.size(); at += step) {
      pieces.push_back(std::string_view(text).substr(at, step));
      pieces.push_back("");
    }
    REQUIRE(Chain(pieces, 4) == expected);
  }
}

TEST_CASE("padding is zeros to a whole token, not to a whole block") {
  using namespace std::string_view_literals;
  CHECK(Chain({"abcde"}, 4) == Chain({"abcde\0\0\0"sv}, 4));
  CHECK(Chain({"abcde"}, 4) != Chain({"abcde\0\0\0\0\0\0\0"sv}, 4));
}

TEST_CASE("a chain ends at the limit of blocks") {
  const std::string text = Text(160);
  const auto all = Chain({text}, 4);
  REQUIRE(all.size() == 10);
  CHECK(Chain({text}, 4, 3) == std::vector<uint64_t>(all.begin(), all.begin() + 3));
  CHECK(Chain({text}, 4, 0).empty());
  CHECK(Chain({text.substr(0, 20)}, 4, 1).size() == 1);
}

TEST_CASE("chains part where the text does, and stay apart") {
  std::string other = Text(160);
  other[70] = '!';
  const std::string text = Text(160);
  const auto a = Chain({text}, 4), b = Chain({other}, 4);
  for (size_t i = 0; i < a.size(); ++i) CHECK((a[i] == b[i]) == (i < 4));
  CHECK(Chain({text}, 4, 1000, 8).front() != a.front());
}

}  // namespace
}  // namespace inference::prefix
