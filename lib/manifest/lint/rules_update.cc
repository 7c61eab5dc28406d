#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "api/codes.h"
#include "base/text.h"
#include "manifest/fields.h"
#include "manifest/lint/lint.h"

// What can't be done to objects that are there already.
namespace inference::manifest::lint {
namespace {

namespace codes = api::codes;

// As an API server compares: the order of a map's keys does not count.
bool Same(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.text != b.text || a.items.size() != b.items.size() ||
      a.members.size() != b.members.size()) {
    return false;
  }
  if (!std::equal(a.items.begin(), a.items.end(), b.items.begin(), Same)) return false;
  return std::all_of(a.members.begin(), a.members.end(), [&](const NodeMember& member) {
    const auto other = std::find_if(b.members.begin(), b.members.end(),
                                    [&](const NodeMember& each) { return each.key == member.key; });
    return other != b.members.end() && Same(member.value, other->value);
  });
}

void ReportChange(const std::string& path, const Node& was, const Node& is, api::Diagnostics& out) {
  const bool scalar = was.kind == Node::Kind::kScalar && is.kind == Node::Kind::kScalar;
  Report(out, codes::kImmutableField, is.at,
         scalar ? fmt::format("{} was '{}' and cannot become '{}'", path,
                              base::Printable(was.text, 60), base::Printable(is.text, 60))
                : path + " is another one than before and cannot be changed",
         "an API server refuses the update; delete the object and create it again, or give the new "
         "one another name");
}

// A field that is left out in one of the two states may be filled in by the API server.
void CompareFields(const Node& before, const Node& after, std::span<const schema::Field> fields,
                   const std::string& path, api::Diagnostics& out) {
  for (const schema::Field& field : fields) {
    const Node* was = At(before, field.name);
    const Node* is = At(after, field.name);
    if (was == nullptr || is == nullptr) continue;
    const std::string name = path + std::string(field.name);
    if (field.immutable) {
      if (!Same(*was, *is)) ReportChange(name, *was, *is, out);
    } else {
      CompareFields(*was, *is, field.fields, name + ".", out);
    }
  }
}

}  // namespace

void CheckUpdate(const Workspace& before, const Workspace& after, api::Diagnostics& out) {
  for (const Object& object : after.objects()) {
    if (!object.sound || !object.kind->has_metadata) continue;
    const Object* earlier = before.Find(schema::GroupOf(object.kind->api_version),
                                        object.kind->kind, object.ns, object.name);
    if (earlier == nullptr || !earlier->sound) continue;
    CompareFields(*earlier->node, *object.node, object.kind->fields, "", out);
  }
}

}  // namespace inference::manifest::lint
