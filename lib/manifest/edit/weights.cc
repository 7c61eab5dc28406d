#include "manifest/edit/weights.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "manifest/edit/change.h"
#include "manifest/edit/scalar_text.h"
#include "manifest/edit/splice.h"
#include "manifest/edit/tree.h"

namespace inference::manifest::edit {
namespace {

/// The list of a rule's targets and how its items are written.
struct Place {
  Path path;  // to the list, without the document's index
  std::string_view name_field;
  bool route = false;
  std::string ns;  // of the object
};

std::string_view TextOf(const Node& map, std::string_view key) {
  const NodeMember* member = FindMember(map, key);
  return member == nullptr ? std::string_view() : std::string_view(member->value.text);
}

/// Follows names of members and, as "#", the rule's index. False when there is none.
bool Follow(const Node& document, const std::vector<std::string_view>& names, size_t rule,
            Path& path) {
  const Node* at = &document;
  for (const std::string_view name : names) {
    if (name == "#") {
      if (at->kind != Node::Kind::kList || rule >= at->items.size()) return false;
      path.push_back(rule);
      at = &at->items[rule];
      continue;
    }
    if (at->kind != Node::Kind::kMap) return false;
    const NodeMember* member = FindMember(*at, name);
    if (member == nullptr) return false;
    path.push_back(static_cast<size_t>(member - at->members.data()));
    at = &member->value;
  }
  return at->kind == Node::Kind::kList;
}

Result<Place> Find(const Node& document, size_t rule) {
  const std::string_view kind = TextOf(document, "kind");
  const NodeMember* meta = FindMember(document, "metadata");
  Place place;
  place.ns = meta == nullptr ? std::string_view() : TextOf(meta->value, "namespace");
  if (place.ns.empty()) place.ns = "default";
  bool found = false;
  if (kind == "InferenceModelRewrite") {
    place.name_field = "modelRewrite";
    found = Follow(document, {"spec", "rules", "#", "targets"}, rule, place.path);
    if (!found) {
      place.path.clear();
      found = Follow(document, {"spec", "rules", "#", "split"}, rule, place.path);
    }
  } else if (kind == "InferenceModel" && rule == 0) {
    place.name_field = "name";
    found = Follow(document, {"spec", "targetModels"}, rule, place.path);
  } else if (kind == "HTTPRoute") {
    place.name_field = "name";
    place.route = true;
    found = Follow(document, {"spec", "rules", "#", "backendRefs"}, rule, place.path);
  }
  if (found) return place;
  return Status(Code::kNotFound, "it has no targets in rule " + std::to_string(rule));
}

bool Counts(const Place& place, const Node& item) {
  return item.kind == Node::Kind::kMap && (!place.route || TextOf(item, "kind") == "InferencePool");
}

std::string NameOf(const Place& place, const Node& item) {
  const std::string name(TextOf(item, place.name_field));
  if (!place.route) return name;
  const std::string_view ns = TextOf(item, "namespace");
  return (ns.empty() ? place.ns : std::string(ns)) + "/" + name;
}

// `Tree`: Node, constant or not.
template <typename Tree>
Tree& ListAt(Tree& document, const Place& place) {
  Tree* at = &document;
  for (const size_t i : place.path) {
    at = at->kind == Node::Kind::kList ? &at->items[i] : &at->members[i].value;
  }
  return *at;
}

/// Makes the edits of one list.
class Writer {
 public:
  Writer(std::string_view text, const std::vector<Node>& documents, size_t document,
         const Place& place)
      : text_(text),
        documents_(documents),
        document_(document),
        place_(place),
        list_(ListAt(documents[document], place)) {}

  Result<std::vector<Edit>> Make(std::vector<TargetWeight> wanted) {
    std::vector<size_t> unwanted;
    for (size_t i = 0; i < list_.items.size(); ++i) {
      if (!Counts(place_, list_.items[i])) continue;
      const auto found = std::find_if(wanted.begin(), wanted.end(), [&](const TargetWeight& t) {
        return t.name == NameOf(place_, list_.items[i]);
      });
      if (found == wanted.end()) {
        unwanted.push_back(i);
        continue;
      }
      SetWeight(i, *found->weight);
      wanted.erase(found);
    }
    // What is left of `wanted` is new. It takes the places of those that go, then follows.
    for (const TargetWeight& target : wanted) {
      if (unwanted.empty()) {
        Append(target);
        continue;
      }
      SetName(unwanted.front(), target.name);
      SetWeight(unwanted.front(), *target.weight);
      unwanted.erase(unwanted.begin());
    }
    for (const size_t i : unwanted) Remove(i);
    if (!status_.ok()) return status_;
    return std::move(edits_);
  }

 private:
  void Fail(const std::string& what) {
    if (status_.ok()) {
      status_ = Status(Code::kInvalidArgument, what + "; change the weights by hand");
    }
  }

  bool Knows(const Node& node) {
    if (node.range.known()) return true;
    Fail("the targets are written with aliases");
    return false;
  }

  void SetWeight(size_t item, int64_t weight) {
    const Node& node = list_.items[item];
    const std::string number = std::to_string(weight);
    if (const NodeMember* old = FindMember(node, "weight"); old && Knows(old->value)) {
      edits_.push_back({old->value.range.begin, old->value.range.end, number});
      return;
    }
    const NodeMember* name = FindMember(node, place_.name_field);
    if (!Knows(node) || name == nullptr || !Knows(name->value)) return;
    if (IsFlow(node)) {
      const size_t end = name->value.range.end;
      edits_.push_back({end, end, ", " + Key(node, "weight") + ": " + number});
      return;
    }
    const size_t line = LineEnd(name->value.range.end);
    const size_t indent = Column(node.members.front().key_range.begin);
    edits_.push_back({line, line, newline() + std::string(indent, ' ') + "weight: " + number});
  }

  void SetName(size_t item, const std::string& name) {
    const NodeMember* old = FindMember(list_.items[item], place_.name_field);
    if (old == nullptr || !Knows(old->value)) return;
    std::string fresh = name;
    if (place_.route) {
      const size_t slash = name.find('/');
      const NodeMember* ns = FindMember(list_.items[item], "namespace");
      if (name.substr(0, slash) != (ns ? ns->value.text : place_.ns)) {
        return Fail("the new pool is in another namespace than the one whose place it takes");
      }
      fresh = name.substr(slash + 1);
    }
    const std::string_view written = text_.substr(old->value.range.begin, old->value.range.size());
    edits_.push_back({old->value.range.begin, old->value.range.end, InStyleOf(written, fresh)});
  }

  void Append(const TargetWeight& target) {
    const Node& last = list_.items.back();
    if (!Knows(list_) || !Knows(last)) return;
    const std::vector<std::string> members = MembersOf(target, last);
    if (IsFlow(list_)) {
      edits_.push_back({last.range.end, last.range.end, ", {" + Join(members, ", ") + "}"});
      return;
    }
    const size_t line = LineEnd(last.range.end);
    const size_t begin = LineBegin(last.range.begin);
    const std::string dash(text_.find('-', begin) - begin, ' ');
    const std::string item =
        IsFlow(last) ? "{" + Join(members, ", ") + "}" : Join(members, newline() + dash + "  ");
    edits_.push_back({line, line, newline() + dash + "- " + item});
  }

  void Remove(size_t item) {
    Path path{document_};
    path.insert(path.end(), place_.path.begin(), place_.path.end());
    path.push_back(item);
    Result<Edit> edit = EditOf(text_, documents_, {Change::What::kRemoveItem, path, {}});
    if (!edit) return Fail(std::string(edit.status().message()));
    edits_.push_back(std::move(*edit));
  }

  /// `like`: another target, whose keys are written in the same way.
  std::vector<std::string> MembersOf(const TargetWeight& target, const Node& like) const {
    std::vector<std::string> out;
    const auto add = [&](std::string_view key, std::string_view value) {
      const bool plain = IsPlainString(value) && !HasQuotedKeys(like);
      out.push_back(Key(like, key) + ": " + (plain ? std::string(value) : Quoted(value)));
    };
    std::string name = target.name;
    if (place_.route) {
      const size_t slash = name.find('/');
      add("group", "inference.networking.k8s.io");
      add("kind", "InferencePool");
      if (name.substr(0, slash) != place_.ns) add("namespace", name.substr(0, slash));
      name = name.substr(slash + 1);
    }
    add(place_.name_field, name);
    out.push_back(Key(like, "weight") + ": " + std::to_string(*target.weight));
    return out;
  }

  /// As in JSON, which must stay JSON.
  bool HasQuotedKeys(const Node& map) const {
    const Range* key = map.members.empty() ? nullptr : &map.members.front().key_range;
    return key != nullptr && key->known() && text_[key->begin] == '"';
  }
  std::string Key(const Node& map, std::string_view key) const {
    return HasQuotedKeys(map) ? Quoted(key) : std::string(key);
  }

  static std::string Join(const std::vector<std::string>& parts, std::string_view between) {
    std::string out;
    for (const std::string& part : parts) out.append(out.empty() ? "" : between).append(part);
    return out;
  }
  bool IsFlow(const Node& node) const {
    const char first = text_[node.range.begin];
    return first == '{' || first == '[';
  }
  std::string newline() const {
    return text_.find("\r\n") == std::string_view::npos ? "\n" : "\r\n";
  }
  size_t LineBegin(size_t at) const {
    const size_t newline = text_.rfind('\n', at);
    return newline == std::string_view::npos ? 0 : newline + 1;
  }
  size_t LineEnd(size_t at) const {  // in front of its line break
    size_t end = std::min(text_.find('\n', at), text_.size());
    if (end > at && text_[end - 1] == '\r') --end;
    return end;
  }
  size_t Column(size_t at) const { return at - LineBegin(at); }

  const std::string_view text_;
  const std::vector<Node>& documents_;
  const size_t document_;
  const Place& place_;
  const Node& list_;
  std::vector<Edit> edits_;
  Status status_ = Status::Ok();
};

bool SameSet(std::vector<TargetWeight> a, std::vector<TargetWeight> b) {
  const auto by_name = [](const TargetWeight& x, const TargetWeight& y) { return x.name < y.name; };
  std::sort(a.begin(), a.end(), by_name);
  std::sort(b.begin(), b.end(), by_name);
  return a == b;
}

}  // namespace

Result<std::vector<TargetWeight>> WeightsOf(const Node& document, size_t rule) {
  const Result<Place> place = Find(document, rule);
  if (!place) return place.status();
  std::vector<TargetWeight> out;
  for (const Node& item : ListAt(document, *place).items) {
    if (!Counts(*place, item)) continue;
    TargetWeight target{NameOf(*place, item), std::nullopt};
    const std::string_view text = TextOf(item, "weight");
    int64_t weight = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), weight).ec == std::errc()) {
      target.weight = weight;
    }
    out.push_back(std::move(target));
  }
  if (out.empty()) {
    return Status(Code::kNotFound, "rule " + std::to_string(rule) + " has no target to weigh");
  }
  return out;
}

bool TakesZero(const Node& document) {
  return TextOf(document, "kind") == "HTTPRoute" ||
         TextOf(document, "apiVersion").ends_with("/v1alpha1");
}

Result<std::string> SetWeights(const std::string& path, std::string_view text,
                               const std::vector<Node>& documents, size_t document, size_t rule,
                               const std::vector<TargetWeight>& wanted, const Limits& limits) {
  const Result<Place> place = Find(documents[document], rule);
  if (!place) return place.status();
  Result<std::vector<Edit>> edits = Writer(text, documents, document, *place).Make(wanted);
  if (!edits) return edits.status();
  Result<std::string> changed = Splice(text, std::move(*edits));
  if (!changed) return changed.status();

  api::Diagnostics findings;
  std::vector<Node> again = ParseDocuments(path, *changed, findings, limits);
  const Status wrong(Code::kInternal,
                     "the text would not read as wanted; change the weights by hand");
  if (api::HasErrors(findings) || again.size() != documents.size()) return wrong;
  const auto now = WeightsOf(again[document], rule);
  if (!now || !SameSet(*now, wanted)) return wrong;
  // But for the targets both must say the same.
  std::vector<Node> before = documents;
  for (std::vector<Node>* tree : {&before, &again}) {
    std::erase_if(ListAt((*tree)[document], *place).items,
                  [&](const Node& item) { return Counts(*place, item); });
  }
  if (!SameValues(before, again)) return wrong;
  return changed;
}

}  // namespace inference::manifest::edit
