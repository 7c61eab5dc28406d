#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/diagnostic.h"
#include "manifest/document.h"

// Strict reading of one node: the wrong type or range becomes a diagnostic that names the field by
// its path, and the result is empty.
namespace inference::manifest {

void Report(api::Diagnostics& out, std::string_view code, const api::Origin& at,
            std::string message, std::string note = "");

/// The same for a warning.
void Warn(api::Diagnostics& out, std::string_view code, const api::Origin& at, std::string message,
          std::string note = "");

/// Characters of UTF-8 text, as columns and lengths count them.
size_t CodePoints(std::string_view text);

/// What stands there, for messages: 'abc', 12, a list ...
std::string Describe(const Node& node);

std::optional<std::string> ReadString(const Node& node, std::string_view path,
                                      api::Diagnostics& out);
/// A string of `min` to `max` bytes.
std::optional<std::string> ReadString(const Node& node, std::string_view path, size_t min,
                                      size_t max, api::Diagnostics& out);
std::optional<std::string> ReadEnum(const Node& node, std::string_view path,
                                    std::initializer_list<std::string_view> allowed,
                                    api::Diagnostics& out);
std::optional<bool> ReadBool(const Node& node, std::string_view path, api::Diagnostics& out);
std::optional<int64_t> ReadInt(const Node& node, std::string_view path, int64_t min, int64_t max,
                               api::Diagnostics& out);
/// Finite, at least 0.
std::optional<double> ReadWeight(const Node& node, std::string_view path, api::Diagnostics& out);
std::optional<std::chrono::nanoseconds> ReadDuration(const Node& node, std::string_view path,
                                                     std::chrono::nanoseconds min,
                                                     std::chrono::nanoseconds max,
                                                     api::Diagnostics& out);
std::optional<int64_t> ReadQuantity(const Node& node, std::string_view path, int64_t min,
                                    int64_t max, api::Diagnostics& out);
/// Null when it is no list or has not `min` to `max` items.
const std::vector<Node>* ReadList(const Node& node, std::string_view path, size_t min, size_t max,
                                  api::Diagnostics& out);

/// Reads a map field by field; what nobody asked for is reported by Done(). A field that is null
/// counts as left out.
class MapReader {
 public:
  /// `path` is the field that holds the map, empty for the document itself. REQUIRES: `node` and
  /// `out` outlive the reader.
  MapReader(const Node& node, std::string path, api::Diagnostics& out);

  /// False when the node is no map (already reported).
  bool ok() const { return ok_; }
  /// The field's value, or null when it is left out.
  const Node* Find(std::string_view name);
  /// As Find, but a field that is left out is reported in the end.
  const Node* Need(std::string_view name);
  /// Says `message` in the end when none of the fields is there. REQUIRES: Find() of each.
  void NeedOneOf(std::initializer_list<std::string_view> names, std::string message);
  /// Known to us, and nothing acts on it: reported when it is there.
  void Refuse(std::string_view name, std::string_view note);
  /// Known to us, and rightly without effect here.
  void Ignore(std::initializer_list<std::string_view> names);
  /// The key's position. REQUIRES: Find(name).
  api::Origin KeyOrigin(std::string_view name) const;
  /// "path.name"
  std::string Path(std::string_view name) const;
  const Node& node() const { return node_; }
  api::Diagnostics& out() const { return out_; }
  /// Is there an unknown field whose name looks like that one? REQUIRES: Find() of all others.
  bool HasMisspelt(std::string_view name) const;
  /// Reports the needed fields that are not there; a field whose name looks like one of them is
  /// reported as that, and not once more.
  void ReportMissing();
  /// ReportMissing(), and reports the fields that were not asked for. Call last.
  void Done();

 private:
  struct Missing {
    std::vector<std::string_view> names;  // any of them would do
    std::string message;
  };
  bool IsKnown(std::string_view name) const;
  void ReportUnknown(const NodeMember& member, std::string_view consequence);

  const Node& node_;
  const std::string path_;
  api::Diagnostics& out_;
  bool ok_ = true;
  std::vector<std::string_view> known_;
  std::vector<Missing> missing_;
  std::vector<const NodeMember*> reported_;
};

}  // namespace inference::manifest
