#include "manifest/edit/change.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "manifest/edit/scalar_text.h"

namespace inference::manifest::edit {
namespace {

const Node* ChildOf(const Node& node, size_t index) {
  if (node.kind == Node::Kind::kList && index < node.items.size()) return &node.items[index];
  if (node.kind == Node::Kind::kMap && index < node.members.size()) {
    return &node.members[index].value;
  }
  return nullptr;
}

const Node* ParentAt(const std::vector<Node>& documents, const Path& path) {
  return path.size() < 2 ? nullptr : NodeAt(documents, Path(path.begin(), path.end() - 1));
}

// --- the bytes ---

Status NotEditable(const Node& node) {
  return {Code::kInvalidArgument,
          node.at.ToString() + ": cannot be changed by itself; an alias or an anchor is involved"};
}

Edit RenameEdit(std::string_view text, const NodeMember& member, const std::string& name) {
  const Range& range = member.key_range;
  return {range.begin, range.end, InStyleOf(text.substr(range.begin, range.size()), name)};
}

// Of a list in block style: the item's lines. In flow style: the item and one comma.
Edit RemovalEdit(std::string_view text, const Node& list, size_t index) {
  const Range& item = list.items[index].range;
  if (text[list.range.begin] == '[') {
    if (index > 0) return {list.items[index - 1].range.end, item.end, ""};
    const bool last = list.items.size() == 1;
    return {item.begin, last ? item.end : list.items[1].range.begin, ""};
  }
  const size_t dash = text.rfind('-', item.begin - 1);
  const size_t line = text.rfind('\n', dash);
  const size_t begin = line == std::string_view::npos ? 0 : line + 1;
  const size_t end = text.find('\n', item.end);
  return {begin, end == std::string_view::npos ? text.size() : end + 1, ""};
}

bool SameNode(const Node& a, const Node& b);

bool SameChildren(const Node& a, const Node& b) {
  return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), SameNode) &&
         std::equal(a.members.begin(), a.members.end(), b.members.begin(), b.members.end(),
                    [](const NodeMember& x, const NodeMember& y) {
                      return x.key == y.key && SameNode(x.value, y.value);
                    });
}

bool SameNode(const Node& a, const Node& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == Node::Kind::kScalar) return a.text == b.text && TypeOf(a) == TypeOf(b);
  return SameChildren(a, b);
}

}  // namespace

const Node* NodeAt(const std::vector<Node>& documents, const Path& path) {
  if (path.empty() || path[0] >= documents.size()) return nullptr;
  const Node* at = &documents[path[0]];
  for (size_t i = 1; i < path.size() && at != nullptr; ++i) at = ChildOf(*at, path[i]);
  return at;
}

const NodeMember* MemberAt(const std::vector<Node>& documents, const Path& path) {
  const Node* parent = ParentAt(documents, path);
  if (parent == nullptr || parent->kind != Node::Kind::kMap) return nullptr;
  return path.back() < parent->members.size() ? &parent->members[path.back()] : nullptr;
}

void ApplyTo(std::vector<Node>& documents, const std::vector<Change>& changes) {
  std::vector<const Change*> removals;
  for (const Change& change : changes) {
    if (change.what == Change::What::kRemoveItem) {
      removals.push_back(&change);
    } else if (change.what == Change::What::kRenameKey) {
      const_cast<NodeMember*>(MemberAt(documents, change.path))->key = change.text;
    } else {
      Node& node = *const_cast<Node*>(NodeAt(documents, change.path));
      node.text = change.text;
      node.plain = change.what == Change::What::kSetPlain;
    }
  }
  // From the back, so that the indices in front stay what they are.
  std::sort(removals.begin(), removals.end(),
            [](const Change* a, const Change* b) { return a->path > b->path; });
  for (const Change* removal : removals) {
    Node& list = *const_cast<Node*>(ParentAt(documents, removal->path));
    list.items.erase(list.items.begin() + static_cast<ptrdiff_t>(removal->path.back()));
  }
}

Result<Edit> EditOf(std::string_view text, const std::vector<Node>& documents,
                    const Change& change) {
  const Node& node = *NodeAt(documents, change.path);
  if (change.what == Change::What::kRenameKey) {
    const NodeMember& member = *MemberAt(documents, change.path);
    if (!member.key_range.known()) return NotEditable(member.value);
    return RenameEdit(text, member, change.text);
  }
  if (!node.range.known()) return NotEditable(node);
  if (change.what == Change::What::kRemoveItem) {
    const Node& list = *ParentAt(documents, change.path);
    const bool known = std::all_of(list.items.begin(), list.items.end(),
                                   [](const Node& item) { return item.range.known(); });
    if (!known) return NotEditable(node);
    return RemovalEdit(text, list, change.path.back());
  }
  const std::string_view written = text.substr(node.range.begin, node.range.size());
  return Edit{
      node.range.begin, node.range.end,
      change.what == Change::What::kSetPlain ? change.text : InStyleOf(written, change.text)};
}

bool SameValues(const std::vector<Node>& a, const std::vector<Node>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameNode);
}

Result<std::string> ChangeText(const std::string& path, std::string_view text,
                               const std::vector<Node>& documents,
                               const std::vector<Change>& changes, const Limits& limits) {
  std::vector<Edit> edits;
  for (const Change& change : changes) {
    auto edit = EditOf(text, documents, change);
    if (!edit) return edit.status();
    edits.push_back(std::move(*edit));
  }
  auto changed = Splice(text, std::move(edits));
  if (!changed) return changed.status();
  std::vector<Node> wanted = documents;
  ApplyTo(wanted, changes);
  api::Diagnostics ignored;
  if (!SameValues(wanted, ParseDocuments(path, *changed, ignored, limits))) {
    return Status(Code::kInvalidArgument,
                  fmt::format("{}: the change would change other values too; it is left as it is",
                              base::Printable(path, 400)));
  }
  return changed;
}

}  // namespace inference::manifest::edit
