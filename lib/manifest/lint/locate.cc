#include "manifest/lint/locate.h"

#include <algorithm>

namespace inference::manifest::lint {
namespace {

// RFC 6901: '~' and '/' are escaped.
std::string Escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

const Node& Child(const Node& node, size_t index) {
  return node.kind == Node::Kind::kList ? node.items[index] : node.members[index].value;
}

}  // namespace

const Node& Location::node() const {
  const Node* at = &file->documents[path[0]];
  for (size_t i = 1; i < path.size(); ++i) at = &Child(*at, path[i]);
  return *at;
}

std::string Location::Pointer(size_t from) const {
  std::string out;
  const Node* at = &file->documents[path[0]];
  for (size_t i = 1; i < path.size(); ++i) {
    const bool list = at->kind == Node::Kind::kList;
    if (i >= from) {
      out += "/" + (list ? std::to_string(path[i]) : Escaped(at->members[path[i]].key));
    }
    at = &Child(*at, path[i]);
  }
  return out;
}

Locator::Locator(const Workspace& workspace) : workspace_(workspace) {
  const auto& files = workspace.files();
  for (size_t i = 0; i < files.size(); ++i) by_path_.emplace(files[i].path, i);
  for (const Object& object : workspace.objects()) {
    if (!object.embedded) objects_[object.file].push_back(&object);
  }
}

void Locator::Index(const Node& node, int parent, size_t index, File& file) {
  const auto add = [&](int id, const Entry& entry) {
    if (id <= 0) return;
    if (file.by_id.size() <= static_cast<size_t>(id))
      file.by_id.resize(static_cast<size_t>(id) + 1);
    Entry& known = file.by_id[static_cast<size_t>(id)];
    if (!known.known) known = entry;  // what an alias repeats is where its anchor is
  };
  add(node.at.id, {parent, index, false, true});
  for (size_t i = 0; i < node.items.size(); ++i) Index(node.items[i], node.at.id, i, file);
  for (size_t i = 0; i < node.members.size(); ++i) {
    add(node.members[i].key_at.id, {node.at.id, i, true, true});
    Index(node.members[i].value, node.at.id, i, file);
  }
}

const Locator::File& Locator::FileOf(size_t index) {
  const auto [it, inserted] = files_.try_emplace(index);
  File& file = it->second;
  if (!inserted) return file;
  file.index = index;
  const auto& documents = workspace_.files()[index].documents;
  for (size_t i = 0; i < documents.size(); ++i) Index(documents[i], 0, i, file);
  for (const Object* object : objects_[index]) file.objects.emplace(object->node->at.id, object);
  return file;
}

std::optional<Location> Locator::Find(const api::Origin& origin) {
  if (!origin.file || origin.id == 0) return std::nullopt;
  const auto known = by_path_.find(*origin.file);
  if (known == by_path_.end()) return std::nullopt;
  const File& file = FileOf(known->second);
  Location out;
  out.file = &workspace_.files()[file.index];
  size_t above = 0;  // levels from the object to the value
  for (int id = origin.id; id != 0;) {
    if (static_cast<size_t>(id) >= file.by_id.size()) return std::nullopt;
    const Entry& entry = file.by_id[static_cast<size_t>(id)];
    if (!entry.known) return std::nullopt;
    if (out.path.empty()) out.key = entry.key;
    const auto object = file.objects.find(id);
    if (out.object == nullptr && object != file.objects.end()) {
      out.object = object->second;
      above = out.path.size();
    }
    out.path.push_back(entry.index);
    id = entry.parent;
  }
  std::reverse(out.path.begin(), out.path.end());
  out.depth = out.object == nullptr ? 1 : out.path.size() - above;
  const api::Origin& at = out.node().at;
  out.within = !out.key && (at.line != origin.line || at.column != origin.column);
  return out;
}

}  // namespace inference::manifest::lint
