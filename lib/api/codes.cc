#include "api/codes.h"

#include <algorithm>
#include <cstddef>

namespace inference::api::codes {

// In the file that make_codes writes.
extern const CodeInfo kRows[];
extern const size_t kRowCount;

std::span<const CodeInfo> All() {
  return {kRows, kRowCount};
}

const CodeInfo* Find(std::string_view code_or_name) {
  const auto all = All();
  const auto found = std::find_if(all.begin(), all.end(), [&](const CodeInfo& info) {
    return info.code == code_or_name || info.name == code_or_name;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace inference::api::codes
