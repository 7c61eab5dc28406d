#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "manifest/document.h"

// Values made or changed in memory: what a text has to say after an edit.
namespace inference::manifest::edit {

Node Text(std::string_view text);    // a string
Node Number(std::string_view text);  // written plain
Node List(std::vector<Node> items);
Node Map(std::vector<std::pair<std::string, Node>> members);

/// The member of that name, null or not; null when there is none.
NodeMember* FindMember(Node& map, std::string_view key);
const NodeMember* FindMember(const Node& map, std::string_view key);
/// Removes it when it is there.
void EraseMember(Node& map, std::string_view key);

/// The value as YAML in block style, `indent` spaces in front of each line but the first; no line
/// break at the end. Reads back as the same value.
std::string ToYamlText(const Node& node, size_t indent = 0);

}  // namespace inference::manifest::edit
