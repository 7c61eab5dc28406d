#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "manifest/document.h"
#include "manifest/edit/splice.h"

namespace inference::manifest::edit {

/// Edits one object's text into another shape, comments and all. Where the text isn't written as
/// expected (a value behind an alias, say) ok() becomes false, and what Finish() returns must not
/// be used. What comes out is to be read again and compared: this class knows lines, not YAML.
class Reshape {
 public:
  /// `begin` to `end`: the object in the file's text; whole lines but for the start of the first.
  Reshape(std::string_view file, size_t begin, size_t end);

  bool ok() const { return ok_; }
  /// The text with all edits made.
  std::string Finish();

  void Rename(const NodeMember& member, std::string_view key);
  /// Another scalar in the place of a scalar. `plain`: as it stands, a number.
  void SetScalar(const Node& node, std::string_view value, bool plain = false);
  /// `a: X` becomes `key: {a: X}` around the whole value, in the style that it has.
  void WrapValue(const NodeMember& member, std::string_view key);
  /// In `map`, `old: 8` becomes `key: {number: 8}`, with `listed` `key: [{number: 8}]`.
  void NumberBelow(const Node& map, const NodeMember& member, std::string_view key, bool listed);
  /// Adds `key: {below: written}` behind a member of a map; `written` is YAML text of one line.
  void AddBehind(const Node& map, const NodeMember& member, std::string_view key,
                 std::string_view below, std::string_view written);
  /// Adds `key: written` as the first member of a map, which may be empty.
  void AddFirst(const Node& map, std::string_view key, std::string_view written);
  /// Writes the value of a member that has none (`key:`).
  void SetMissing(const NodeMember& member, std::string_view written);
  /// Removes members of one map. Comment lines above stay; a comment behind a value goes with it
  /// unless `keep_comments`: then it gets a line of its own.
  void Remove(const Node& map, const std::vector<const NodeMember*>& members, bool keep_comments);
  /// `targetModels: X` becomes a rule whose targets are X: in `map`, the value of `model` is what
  /// the rule matches. Comments behind the model's name stay with it.
  void RuleAround(const Node& map, const NodeMember& targets, const NodeMember& model);
  /// Removes an item of a list; with `lines` of its own, these.
  void RemoveItem(const Node& list, size_t index);

 private:
  bool IsFlow(const Node& node) const;
  size_t At(size_t file_offset) const { return file_offset - begin_; }
  std::string_view TextOf(const Range& range) const;
  size_t LineBegin(size_t at) const;
  size_t LineEnd(size_t at) const;  // of its line break
  std::string Indent(const NodeMember& member) const;
  /// What separates a member of a flow map from the next one.
  std::string Comma(const Node& map, const NodeMember& member) const;
  /// As the other keys of the object are written.
  std::string Key(std::string_view key) const;
  /// "  # why" behind a value, on its line.
  std::string CommentBehind(const Range& range) const;
  bool HasHash(size_t from, size_t to) const;  // of a comment, maybe
  void ShiftLines(size_t from, size_t to);
  bool Knows(const Range& range);
  void Add(size_t begin, size_t end, std::string text);

  const size_t begin_;
  const std::string newline_;  // "\n", or "\r\n" as in the file
  const std::string text_;     // ends with it
  const bool quoted_keys_;
  bool ok_ = true;
  std::vector<Edit> edits_;
  std::vector<Range> removed_;  // in text_
};

}  // namespace inference::manifest::edit
