#include "manifest/document_text.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

namespace inference::manifest {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool IsMarker(std::string_view line, std::string_view marker) {
  return line.starts_with(marker) &&
         (line.size() == marker.size() || kBlanks.find(line[marker.size()]) != kBlanks.npos);
}

void Write(const Node& node, YAML::Emitter& out) {
  switch (node.kind) {
    case Node::Kind::kNull:
      out << YAML::Null;
      break;
    case Node::Kind::kScalar:
      if (!node.plain) out << YAML::DoubleQuoted;
      out << node.text;
      break;
    case Node::Kind::kList:
      out << YAML::BeginSeq;
      for (const Node& item : node.items) Write(item, out);
      out << YAML::EndSeq;
      break;
    case Node::Kind::kMap:
      out << YAML::BeginMap;
      for (const NodeMember& member : node.members) {
        out << YAML::Key << member.key << YAML::Value;
        Write(member.value, out);
      }
      out << YAML::EndMap;
      break;
  }
}

}  // namespace

std::vector<DocumentText> SplitDocuments(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<DocumentText> out;
  size_t begin = 0, at = 0;
  int first_line = 1;
  const auto end_at = [&](size_t end) {
    if (end > begin) out.push_back({first_line, text.substr(begin, end - begin)});
  };
  for (int line_number = 1; at < text.size(); ++line_number) {
    const size_t next = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view line = text.substr(at, next - at);
    if (IsMarker(line, "---") || IsMarker(line, "...")) {
      end_at(at);
      begin = at + 3;
      first_line = line_number;
    }
    at = next;
  }
  end_at(text.size());
  return out;
}

std::string TextOf(const Node& document, const std::vector<DocumentText>& texts) {
  const auto after = std::upper_bound(
      texts.begin(), texts.end(), document.at.line,
      [](int line, const DocumentText& candidate) { return line < candidate.first_line; });
  if (after == texts.begin()) return {};
  std::string_view text = (after - 1)->text;
  // Blank lines around it are no part of it; the first line's indentation is.
  size_t begin = 0;
  for (size_t at = 0; at < text.size() && kBlanks.find(text[at]) != kBlanks.npos; ++at) {
    if (text[at] == '\n') begin = at + 1;
  }
  text.remove_prefix(begin);
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  return std::string(text) + "\n";
}

std::string WriteDocument(const Node& node) {
  YAML::Emitter out;
  Write(node, out);
  return std::string(out.c_str(), out.size()) + "\n";
}

}  // namespace inference::manifest
