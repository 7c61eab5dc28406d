#include "manifest/edit/meant.h"

#include <algorithm>

#include "base/text.h"

namespace inference::manifest::edit {
namespace {

constexpr size_t kMaxLikely = 3;
constexpr size_t kMinForTypo = 4;

std::string Bare(std::string_view text) {
  std::string out = base::ToLower(text);
  std::erase_if(out, [](char c) { return c == '-' || c == '_'; });
  return out;
}

bool OneEditApart(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > 1) return false;
  size_t i = 0;
  while (i < a.size() && a[i] == b[i]) ++i;
  const std::string_view rest_a = a.substr(i), rest_b = b.substr(i);
  if (a.size() < b.size()) return rest_a == rest_b.substr(1);
  if (rest_a.empty()) return false;  // equal
  if (rest_a.substr(1) == rest_b.substr(1)) return true;
  return rest_a.size() > 1 && rest_a[0] == rest_b[1] && rest_a[1] == rest_b[0] &&
         rest_a.substr(2) == rest_b.substr(2);
}

template <typename Fits>
std::string_view OnlyOne(const std::vector<std::string_view>& candidates, Fits fits) {
  std::string_view found;
  for (const std::string_view candidate : candidates) {
    if (!fits(candidate)) continue;
    if (!found.empty()) return {};
    found = candidate;
  }
  return found;
}

}  // namespace

Meant MeantBy(std::string_view text, std::vector<std::string_view> candidates) {
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  Meant meant;
  const std::string bare = Bare(text);
  if (bare.size() > 1) {
    meant.sure = OnlyOne(candidates, [&](std::string_view c) { return Bare(c) == bare; });
    meant.same_letters = !meant.sure.empty();
  }
  if (meant.sure.empty() && text.size() >= kMinForTypo) {
    meant.sure = OnlyOne(candidates, [&](std::string_view c) {
      return c.size() >= kMinForTypo && OneEditApart(text, c);
    });
  }
  if (!meant.sure.empty()) {
    meant.likely.emplace_back(meant.sure);
    return meant;
  }
  while (meant.likely.size() < kMaxLikely) {
    const std::string_view next = base::ClosestMatch(text, candidates);
    if (next.empty()) break;
    meant.likely.emplace_back(next);
    std::erase(candidates, next);
  }
  return meant;
}

}  // namespace inference::manifest::edit
