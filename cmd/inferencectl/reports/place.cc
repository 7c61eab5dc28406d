#include "inferencectl/reports/place.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "inferencectl/diagnostic_view.h"
#include "manifest/render.h"

namespace inference::ctl {
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

}  // namespace

Places::Places(const manifest::lint::Verdict& verdict) {
  const auto& files = verdict.workspace.files();
  for (const auto& file : files) {
    File& known = files_[file.path];
    known.text = file.text;
    known.by_document.resize(file.documents.size());
    for (size_t i = 0; i < file.documents.size(); ++i) {
      Index(file.documents[i], static_cast<int>(i), "", known);
    }
  }
  for (const auto& object : verdict.workspace.objects()) {
    files_[files[object.file].path].by_document[static_cast<size_t>(object.document)] = &object;
  }
}

void Places::Index(const manifest::Node& node, int document, const std::string& pointer,
                   File& file) {
  file.by_id.emplace(node.at.id, Known{document, pointer, node.text});
  for (size_t i = 0; i < node.items.size(); ++i) {
    Index(node.items[i], document, pointer + "/" + std::to_string(i), file);
  }
  for (const manifest::NodeMember& member : node.members) {
    const std::string below = pointer + "/" + Escaped(member.key);
    file.by_id.emplace(member.key_at.id, Known{document, below, member.key});
    Index(member.value, document, below, file);
  }
}

Place Places::Find(const api::Diagnostic& d) const {
  Place place;
  std::string identity = d.code;
  const auto file = d.origin.file ? files_.find(*d.origin.file) : files_.end();
  if (file != files_.end()) {
    if (d.origin.line > 0) {
      place.end_line = d.origin.line;
      place.end_column =
          d.origin.column + static_cast<int>(manifest::CaretWidth(
                                SourceLine(file->second.text, d.origin.line), d.origin.column));
    }
    const auto known = file->second.by_id.find(d.origin.id);
    if (d.origin.id != 0 && known != file->second.by_id.end()) {
      place.document = known->second.document;
      place.pointer = known->second.pointer;
      place.object = file->second.by_document[static_cast<size_t>(place.document)];
      identity += "\n" + place.pointer + "\n" + known->second.value;
    }
  }
  // Without an object the file stands for it.
  identity += "\n" + (place.object != nullptr ? place.object->Title()
                      : d.origin.file         ? *d.origin.file
                                              : std::string());
  place.fingerprint = fmt::format("{:016x}", XXH3_64bits(identity.data(), identity.size()));
  return place;
}

}  // namespace inference::ctl
