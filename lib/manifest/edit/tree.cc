#include "manifest/edit/tree.h"

#include <algorithm>

#include "manifest/edit/scalar_text.h"

namespace inference::manifest::edit {
namespace {

std::string KeyText(const std::string& key) {
  return InStyleOf("", key);
}

std::string ScalarTextOf(const Node& node) {
  return node.plain && TypeOf(node) != ScalarType::kString ? node.text : InStyleOf("", node.text);
}

bool IsNested(const Node& node) {
  return (node.kind == Node::Kind::kMap && !node.members.empty()) ||
         (node.kind == Node::Kind::kList && !node.items.empty());
}

}  // namespace

Node Text(std::string_view text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.text = text;
  return node;
}

Node Number(std::string_view text) {
  Node node = Text(text);
  node.plain = true;
  return node;
}

Node List(std::vector<Node> items) {
  Node node;
  node.kind = Node::Kind::kList;
  node.items = std::move(items);
  return node;
}

Node Map(std::vector<std::pair<std::string, Node>> members) {
  Node node;
  node.kind = Node::Kind::kMap;
  for (auto& [key, value] : members) node.members.push_back({key, {}, {}, std::move(value)});
  return node;
}

NodeMember* FindMember(Node& map, std::string_view key) {
  const auto found = std::find_if(map.members.begin(), map.members.end(),
                                  [&](const NodeMember& member) { return member.key == key; });
  return found == map.members.end() ? nullptr : &*found;
}

const NodeMember* FindMember(const Node& map, std::string_view key) {
  return FindMember(const_cast<Node&>(map), key);
}

void EraseMember(Node& map, std::string_view key) {
  std::erase_if(map.members, [&](const NodeMember& member) { return member.key == key; });
}

std::string ToYamlText(const Node& node, size_t indent) {
  const std::string margin = "\n" + std::string(indent, ' ');
  std::string out;
  switch (node.kind) {
    case Node::Kind::kNull:
      return "null";
    case Node::Kind::kScalar:
      return ScalarTextOf(node);
    case Node::Kind::kList:
      for (const Node& item : node.items) {
        out += (out.empty() ? "" : margin) + "- " + ToYamlText(item, indent + 2);
      }
      return out.empty() ? "[]" : out;
    case Node::Kind::kMap:
      for (const NodeMember& member : node.members) {
        out += (out.empty() ? "" : margin) + KeyText(member.key) + ":";
        if (!IsNested(member.value)) {
          out += " " + ToYamlText(member.value);
        } else {
          const size_t below = member.value.kind == Node::Kind::kList ? indent : indent + 2;
          out += "\n" + std::string(below, ' ') + ToYamlText(member.value, below);
        }
      }
      return out.empty() ? "{}" : out;
  }
  return out;
}

}  // namespace inference::manifest::edit
