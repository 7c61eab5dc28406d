#include "manifest/edit/reshape.h"

#include <algorithm>

#include "manifest/edit/scalar_text.h"

namespace inference::manifest::edit {
namespace {

constexpr std::string_view kStep = "  ";  // of indentation

bool HasQuotedKey(std::string_view text) {
  const size_t first = text.find_first_not_of("{ \t\r\n");
  return first != std::string_view::npos && text[first] == '"';
}

}  // namespace

Reshape::Reshape(std::string_view file, size_t begin, size_t end)
    : begin_(begin),
      newline_(file.find("\r\n") != std::string_view::npos ? "\r\n" : "\n"),
      text_(std::string(file.substr(begin, end - begin)) + newline_),
      quoted_keys_(HasQuotedKey(text_)) {}

std::string Reshape::Finish() {
  // What shifts lines that are gone would leave its spaces behind.
  std::erase_if(edits_, [&](const Edit& edit) {
    return edit.begin == edit.end && std::any_of(removed_.begin(), removed_.end(), [&](Range r) {
             return edit.begin >= r.begin && edit.begin < r.end;
           });
  });
  auto out = Splice(text_, edits_);
  ok_ = ok_ && out.ok();
  if (!ok_) return "";
  if (out->ends_with(newline_)) out->resize(out->size() - newline_.size());
  return std::move(*out);
}

bool Reshape::Knows(const Range& range) {
  ok_ = ok_ && range.known() && range.begin >= begin_ && At(range.end) <= text_.size();
  return ok_;
}

void Reshape::Add(size_t begin, size_t end, std::string text) {
  edits_.push_back({begin, end, std::move(text)});
}

bool Reshape::IsFlow(const Node& node) const {
  const char first = text_[At(node.range.begin)];
  return first == '{' || first == '[';
}

std::string_view Reshape::TextOf(const Range& range) const {
  return std::string_view(text_).substr(At(range.begin), range.size());
}

size_t Reshape::LineBegin(size_t at) const {
  const size_t before = at == 0 ? std::string::npos : text_.rfind('\n', at - 1);
  return before == std::string::npos ? 0 : before + 1;
}

size_t Reshape::LineEnd(size_t at) const {
  return std::min(text_.find('\n', at), text_.size() - 1);
}

std::string Reshape::Indent(const NodeMember& member) const {
  const size_t at = At(member.key_range.begin);
  return std::string(at - LineBegin(at), ' ');
}

std::string Reshape::Key(std::string_view key) const {
  return quoted_keys_ ? Quoted(key) : std::string(key);
}

std::string Reshape::CommentBehind(const Range& range) const {
  const size_t end = LineEnd(At(range.end));
  std::string rest = text_.substr(At(range.end), end - At(range.end));
  if (rest.ends_with('\r')) rest.pop_back();
  const size_t hash = rest.find_first_not_of(" \t");
  return hash != std::string::npos && hash > 0 && rest[hash] == '#' ? rest : "";
}

void Reshape::Rename(const NodeMember& member, std::string_view key) {
  if (!Knows(member.key_range)) return;
  Add(At(member.key_range.begin), At(member.key_range.end),
      InStyleOf(TextOf(member.key_range), key));
}

void Reshape::SetScalar(const Node& node, std::string_view value, bool plain) {
  if (!Knows(node.range)) return;
  Add(At(node.range.begin), At(node.range.end),
      plain ? std::string(value) : InStyleOf(TextOf(node.range), value));
}

bool Reshape::HasHash(size_t from, size_t to) const {
  return from < to && std::string_view(text_).substr(from, to - from).find('#') != text_.npos;
}

// Two more spaces in front of each line that begins in there.
void Reshape::ShiftLines(size_t from, size_t to) {
  for (size_t line = LineEnd(from) + 1; line < to && line < text_.size();
       line = LineEnd(line) + 1) {
    if (text_[line] != '\n' && text_[line] != '\r') Add(line, line, std::string(kStep));
  }
}

void Reshape::WrapValue(const NodeMember& member, std::string_view key) {
  const Range& value = member.value.range;
  if (!Knows(value) || !Knows(member.key_range)) return;
  if (IsFlow(member.value)) {
    Add(At(value.begin), At(value.begin), "{" + Key(key) + ": ");
    Add(At(value.end), At(value.end), "}");
    return;
  }
  const size_t first = At(value.begin);
  const std::string indent(first - LineBegin(first), ' ');
  ok_ = ok_ && LineBegin(first) > At(member.key_range.end);
  Add(first, first, Key(key) + ":" + newline_ + indent + std::string(kStep));
  ShiftLines(first, At(value.end));
}

void Reshape::NumberBelow(const Node& map, const NodeMember& member, std::string_view key,
                          bool listed) {
  const Range& value = member.value.range;
  if (!Knows(map.range) || !Knows(value) || !Knows(member.key_range)) return;
  const size_t begin = At(member.key_range.begin), end = At(member.key_range.end);
  if (!IsFlow(map)) {
    Add(begin, At(value.begin),
        std::string(key) + ":" + newline_ + Indent(member) + std::string(kStep) +
            (listed ? "- number: " : "number: "));
    return;
  }
  Add(begin, end, Key(key));
  Add(At(value.begin), At(value.begin), (listed ? "[{" : "{") + Key("number") + ": ");
  Add(At(value.end), At(value.end), listed ? "}]" : "}");
}

// A line of its own when that member has one.
std::string Reshape::Comma(const Node& map, const NodeMember& member) const {
  const size_t line = LineBegin(At(member.key_range.begin));
  return line > At(map.range.begin) ? "," + newline_ + Indent(member) : ", ";
}

void Reshape::AddBehind(const Node& map, const NodeMember& member, std::string_view key,
                        std::string_view below, std::string_view written) {
  if (!Knows(map.range) || !Knows(member.key_range) || !Knows(member.value.range)) return;
  if (IsFlow(map)) {
    const size_t end = At(member.value.range.end);
    Add(end, end,
        Comma(map, member) + Key(key) + ": {" + Key(below) + ": " + std::string(written) + "}");
    return;
  }
  const size_t end = LineEnd(At(member.value.range.end)) + 1;
  const std::string indent = Indent(member);
  Add(end, end,
      indent + std::string(key) + ":" + newline_ + indent + std::string(kStep) +
          std::string(below) + ": " + std::string(written) + newline_);
}

void Reshape::AddFirst(const Node& map, std::string_view key, std::string_view written) {
  if (!Knows(map.range)) return;
  const std::string member = Key(key) + ": " + std::string(written);
  if (map.members.empty()) {
    const size_t inside = At(map.range.begin) + 1;
    return Add(inside, inside, member);
  }
  const NodeMember& first = map.members.front();
  if (!Knows(first.key_range)) return;
  const size_t at = At(first.key_range.begin);
  Add(at, at, member + (IsFlow(map) ? Comma(map, first) : newline_ + Indent(first)));
}

void Reshape::SetMissing(const NodeMember& member, std::string_view written) {
  if (!Knows(member.key_range)) return;
  const size_t behind = text_.find(':', At(member.key_range.end)) + 1;
  Add(behind, behind, " " + std::string(written));
}

void Reshape::Remove(const Node& map, const std::vector<const NodeMember*>& members,
                     bool keep_comments) {
  const auto goes = [&](const NodeMember& member) {
    return std::find(members.begin(), members.end(), &member) != members.end();
  };
  for (const NodeMember* member : members) {
    if (!Knows(member->key_range) || !Knows(member->value.range)) return;
  }
  if (members.empty() || !Knows(map.range)) return;
  if (!IsFlow(map)) {
    for (const NodeMember* member : members) {
      const size_t begin = LineBegin(At(member->key_range.begin));
      const size_t end = LineEnd(At(member->value.range.end)) + 1;
      const std::string comment = keep_comments ? CommentBehind(member->value.range) : "";
      const size_t hash = comment.find('#');
      Add(begin, end,
          hash == std::string::npos ? "" : Indent(*member) + comment.substr(hash) + newline_);
      removed_.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    }
    return;
  }
  size_t kept_end = 0;  // of the last one that stays
  for (size_t i = 0; i < map.members.size(); ++i) {
    const NodeMember& member = map.members[i];
    if (!goes(member)) {
      kept_end = At(member.value.range.end);
      continue;
    }
    const bool more_to_come =
        std::any_of(map.members.begin() + static_cast<ptrdiff_t>(i), map.members.end(),
                    [&](const NodeMember& other) { return !goes(other); });
    if (more_to_come) {
      const size_t next = At(map.members[i + 1].key_range.begin);
      // With the comma in front, as AddBehind writes it, unless that would take a comment along.
      const bool behind_kept = i > 0 && kept_end == At(map.members[i - 1].value.range.end);
      if (behind_kept && !HasHash(kept_end, At(member.key_range.begin)) &&
          !HasHash(At(member.value.range.end), next)) {
        Add(kept_end, At(member.value.range.end), "");
      } else {
        Add(At(member.key_range.begin), next, "");
      }
      continue;
    }
    const size_t begin = kept_end > 0 ? kept_end : At(member.key_range.begin);
    Add(begin, At(map.members.back().value.range.end), "");
    return;
  }
}

void Reshape::RuleAround(const Node& map, const NodeMember& targets, const NodeMember& model) {
  const Range& value = targets.value.range;
  if (!Knows(map.range) || !Knows(value) || !Knows(targets.key_range) || !Knows(model.value.range))
    return;
  const std::string name(TextOf(model.value.range));
  const size_t begin = At(targets.key_range.begin), end = At(targets.key_range.end);
  if (IsFlow(map)) {
    Add(begin, end,
        Key("rules") + ": [{" + Key("matches") + ": [{" + Key("model") + ": {" + Key("value") +
            ": " + name + "}}], " + Key("targets"));
    Add(At(value.end), At(value.end), "}]");
    return;
  }
  const std::string indent = Indent(targets);
  const std::string next = newline_ + indent;
  Add(begin, end,
      "rules:" + next + "- matches:" + next + "  - model:" + next + "      value: " + name +
          CommentBehind(model.value.range) + next + "  targets");
  ShiftLines(end, At(value.end));
}

void Reshape::RemoveItem(const Node& list, size_t index) {
  const Range& item = list.items[index].range;
  if (!Knows(item) || !Knows(list.range)) return;
  if (!IsFlow(list)) {
    const size_t begin = LineBegin(At(item.begin)), end = LineEnd(At(item.end)) + 1;
    Add(begin, end, "");
    removed_.push_back({static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
    return;
  }
  const bool first = index == 0;
  if (first && list.items.size() > 1 && !Knows(list.items[1].range)) return;
  const size_t begin = first ? At(item.begin) : At(list.items[index - 1].range.end);
  const size_t end = first && list.items.size() > 1 ? At(list.items[1].range.begin) : At(item.end);
  Add(begin, end, "");
}

}  // namespace inference::manifest::edit
