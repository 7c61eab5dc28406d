#include "inferencectl/reports/place.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "inferencectl/diagnostic_view.h"
#include "manifest/render.h"

namespace inference::ctl {
namespace {

// What is written there: a key, or the text of a scalar.
std::string ValueAt(const manifest::lint::Location& where) {
  if (!where.key) return where.node().text;
  return manifest::edit::MemberAt(where.file->documents, where.path)->key;
}

}  // namespace

Places::Places(const manifest::lint::Verdict& verdict) : locator_(verdict.workspace) {
  for (const auto& file : verdict.workspace.files()) texts_[file.path] = file.text;
}

Place Places::Find(const api::Diagnostic& d) {
  Place place;
  std::string identity = d.code;
  const auto text = d.origin.file ? texts_.find(*d.origin.file) : texts_.end();
  if (text != texts_.end() && d.origin.line > 0) {
    place.end_line = d.origin.line;
    place.end_column =
        d.origin.column + static_cast<int>(manifest::CaretWidth(
                              SourceLine(text->second, d.origin.line), d.origin.column));
  }
  if (const auto where = locator_.Find(d.origin)) {
    place.document = static_cast<int>(where->path[0]);
    place.pointer = where->Pointer();
    place.object = where->object;
    // From the object: in a List it may change its place.
    identity +=
        "\n" + where->Pointer(where->depth) + "\n" + (where->within ? d.message : ValueAt(*where));
  }
  // Without an object the file stands for it.
  identity += "\n" + (place.object != nullptr ? place.object->Title()
                      : d.origin.file         ? *d.origin.file
                                              : std::string());
  place.fingerprint = fmt::format("{:016x}", XXH3_64bits(identity.data(), identity.size()));
  return place;
}

}  // namespace inference::ctl
