#include "manifest/edit/annotation.h"

#include <utility>

#include "manifest/edit/change.h"
#include "manifest/edit/reshape.h"
#include "manifest/edit/scalar_text.h"
#include "manifest/edit/tree.h"
#include "manifest/kinds.h"

namespace inference::manifest::edit {
namespace {

bool IsFlow(std::string_view text, const Node& map) {
  return map.range.known() && text[map.range.begin] == '{';
}

/// Makes the edits of one object.
class Writer {
 public:
  /// `text`: with the object in it, as `document` has it.
  Writer(std::string_view text, const Node& document, std::string_view key)
      : text_(text),
        key_(key),
        reshape_(text, document.range.begin, text.size()),
        metadata_(FindMember(document, "metadata")->value),
        annotations_(FindMember(metadata_, "annotations")) {}

  std::optional<std::string> Set(std::string_view value) {
    const Node* old = annotations_ ? &annotations_->value : nullptr;
    const NodeMember* member = old ? FindMember(*old, key_) : nullptr;
    const std::string written = Written(value);
    if (member != nullptr) {
      if (!member->value.range.known()) {
        reshape_.SetMissing(*member, written);
      } else {
        reshape_.SetScalar(member->value, value);
      }
    } else if (old == nullptr) {
      reshape_.AddBehind(metadata_, LastName(), "annotations", key_, written);
    } else if (old->kind == Node::Kind::kMap) {
      reshape_.AddFirst(*old, key_, written);
    } else if (old->kind == Node::Kind::kNull) {
      const std::string map = "{" + (IsJson() ? Quoted(key_) : key_) + ": " + written + "}";
      if (old->range.known()) {
        reshape_.SetScalar(*old, map, /*plain=*/true);
      } else {
        reshape_.SetMissing(*annotations_, map);
      }
    } else {
      return std::nullopt;
    }
    return Finish();
  }

  /// REQUIRES: it is there.
  std::optional<std::string> Remove() {
    const Node& map = annotations_->value;
    const NodeMember& member = *FindMember(map, key_);
    const bool block = !IsFlow(text_, map);
    if (map.members.size() > 1 || (!block && !IsFlow(text_, metadata_))) {
      reshape_.Remove(map, {&member}, false);
    } else if (block && Between(*annotations_, member).find('#') != std::string_view::npos) {
      // A comment stands there: it stays, and so must what it is in.
      reshape_.Remove(map, {&member}, false);
      reshape_.SetMissing(*annotations_, "{}");
    } else {
      reshape_.Remove(metadata_, {annotations_}, false);
    }
    return Finish();
  }

 private:
  /// Are keys written as JSON wants them?
  bool IsJson() const {
    const Range& beside = metadata_.members.front().key_range;
    return beside.known() && text_[beside.begin] == '"';
  }

  /// In single quotes, which leave JSON in a value as it is; a JSON file has none.
  std::string Written(std::string_view value) const {
    return IsJson() ? Quoted(value) : InStyleOf("'", value);
  }

  const NodeMember& LastName() const {
    const NodeMember* name = FindMember(metadata_, "name");
    const NodeMember* ns = FindMember(metadata_, "namespace");
    return ns != nullptr && ns > name && ns->value.range.known() ? *ns : *name;
  }

  std::string_view Between(const NodeMember& outer, const NodeMember& inner) const {
    if (!outer.key_range.known() || !inner.key_range.known()) return {};
    return text_.substr(outer.key_range.end, inner.key_range.begin - outer.key_range.end);
  }

  std::optional<std::string> Finish() {
    std::string out = reshape_.Finish();
    return reshape_.ok() ? std::optional(std::move(out)) : std::nullopt;
  }

  const std::string_view text_;
  const std::string key_;
  Reshape reshape_;
  const Node& metadata_;
  const NodeMember* const annotations_;
};

/// Takes the annotation out, and the annotations when nothing else is there.
void Forget(Node& document, std::string_view key) {
  NodeMember* metadata = FindMember(document, "metadata");
  NodeMember* annotations = metadata ? FindMember(metadata->value, "annotations") : nullptr;
  if (annotations == nullptr) return;
  EraseMember(annotations->value, key);
  if (annotations->value.members.empty()) EraseMember(metadata->value, "annotations");
}

size_t BytesOfOthers(const Node& document, std::string_view key) {
  const NodeMember* metadata = FindMember(document, "metadata");
  const NodeMember* annotations = FindMember(metadata->value, "annotations");
  size_t bytes = 0;
  if (annotations == nullptr) return bytes;
  for (const NodeMember& member : annotations->value.members) {
    if (member.key != key) bytes += member.key.size() + member.value.text.size();
  }
  return bytes;
}

}  // namespace

const Node* FindAnnotation(const Node& document, std::string_view key) {
  const NodeMember* metadata = FindMember(document, "metadata");
  const NodeMember* annotations = metadata ? FindMember(metadata->value, "annotations") : nullptr;
  const NodeMember* member = annotations ? FindMember(annotations->value, key) : nullptr;
  return member == nullptr ? nullptr : &member->value;
}

Result<std::string> SetAnnotation(const std::string& path, std::string_view text,
                                  const std::vector<Node>& documents, size_t document,
                                  std::string_view key, const std::optional<std::string>& value,
                                  const Limits& limits) {
  const Node& object = documents[document];
  const Node* const before = FindAnnotation(object, key);
  if (value ? before && before->text == *value : before == nullptr) return std::string(text);
  if (value && BytesOfOthers(object, key) + key.size() + value->size() > kMaxAnnotationBytes) {
    return Status(Code::kInvalidArgument, "its annotations would be too long");
  }
  const Status wrong(Code::kInvalidArgument, "its annotations are written with aliases or anchors");
  if (!object.range.known()) return wrong;
  Writer writer(text, object, key);
  std::optional<std::string> made = value ? writer.Set(*value) : writer.Remove();
  if (!made) return wrong;
  std::string changed = std::string(text.substr(0, object.range.begin)) + *made;

  api::Diagnostics findings;
  std::vector<Node> again = ParseDocuments(path, changed, findings, limits);
  if (api::HasErrors(findings) || again.size() != documents.size()) return wrong;
  const Node* const after = FindAnnotation(again[document], key);
  if (value ? !after || after->text != *value : after != nullptr) return wrong;
  // But for it both must say the same.
  std::vector<Node> others = documents;
  Forget(others[document], key);
  Forget(again[document], key);
  if (!SameValues(others, again)) return wrong;
  return changed;
}

}  // namespace inference::manifest::edit
