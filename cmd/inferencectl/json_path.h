#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/result.h"
#include "inferencectl/envelope.h"

namespace inference::ctl {

/// The part of kubectl's JSONPath templates that lists need: text as it is, and in braces
///
///   .name  .a.b  ['a.b']  [0]  [-1]  [*]  .*     a path; $ in front: from the root
///   "\n"                                          text with \n \t \" and backslashes
///   range PATH ... end                            what is between, for each value
///
/// Filters, slices, unions and recursive descent are refused by name. Several values are separated
/// by a space, objects and lists are compact JSON, what isn't there is nothing.
class JsonPath {
 public:
  /// A path alone needs no braces. The error says at which character.
  static Result<JsonPath> Parse(std::string_view text);
  std::string Evaluate(const Json& document) const;
  /// The values that the first path points at.
  std::vector<Json> Values(const Json& document) const;

 private:
  friend class JsonPathParser;
  struct Step {
    enum class Kind { kKey, kIndex, kAll } kind;
    std::string key;
    long index = 0;
  };
  struct Path {
    bool from_root = false;
    std::vector<Step> steps;
  };
  struct Part {
    enum class Kind { kText, kPath, kRange } kind;
    std::string text;
    Path path;
    std::vector<Part> body;  // of a range
  };
  static std::vector<const Json*> Find(const Path& path, const Json& root, const Json& current);
  static void Run(const std::vector<Part>& parts, const Json& root, const Json& current,
                  std::string& out);

  std::vector<Part> parts_;
};

/// A string as it is, anything else as compact JSON.
std::string PlainText(const Json& value);

}  // namespace inference::ctl
