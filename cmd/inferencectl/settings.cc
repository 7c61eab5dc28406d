#include "inferencectl/settings.h"

#include <filesystem>
#include <system_error>

#include "api/codes.h"
#include "inferencectl/arguments.h"
#include "inferencectl/format.h"
#include "manifest/document.h"
#include "manifest/fields.h"
#include "manifest/schema/check.h"
#include "manifest/single_document.h"

namespace inference::ctl {
namespace {

namespace schema = manifest::schema;
using manifest::Node;
using manifest::NodeMember;
using Values = std::map<std::string, Setting, std::less<>>;

constexpr manifest::Limits kLimits{.max_bytes = size_t{1} << 20};
constexpr std::string_view kVersion = "inferenced.dev/v1alpha1";
constexpr std::string_view kKind = "InferencectlConfig";
constexpr std::string_view kProjectMay = "lint";
constexpr std::string_view kLevels = "lint.severity";  // a map: as the option takes it, CODE=LEVEL

bool IsFrame(std::string_view key) {
  return key == "apiVersion" || key == "kind";
}

void Flatten(const Node& node, const std::string& key, Values& out) {
  switch (node.kind) {
    case Node::Kind::kNull:
      return;
    case Node::Kind::kScalar:
      out[key] = {{node.text}, node.at.ToString()};
      return;
    case Node::Kind::kList: {
      Setting& setting = out[key] = {{}, node.at.ToString()};
      for (const Node& item : node.items) setting.values.push_back(item.text);
      return;
    }
    case Node::Kind::kMap:
      if (key == kLevels) {
        Setting& setting = out[key] = {{}, node.at.ToString()};
        for (const NodeMember& member : node.members) {
          setting.values.push_back(member.key + "=" + member.value.text);
        }
        return;
      }
      for (const NodeMember& member : node.members) {
        if (key.empty() && IsFrame(member.key)) continue;
        Flatten(member.value, key.empty() ? member.key : key + "." + member.key, out);
      }
  }
}

void RefuseAllButLint(const Node& document, const schema::Kind& kind, api::Diagnostics& out) {
  for (const NodeMember& member : document.members) {
    const bool known = schema::FindField(kind, member.key) != nullptr;  // else reported as unknown
    if (!known || member.key == kProjectMay) continue;
    manifest::Report(
        out, api::codes::kFieldNotActedOn, member.key_at,
        member.key + " can't be set by a project's file, only " + std::string(kProjectMay) + " can",
        "a repository must not redirect the tool of who clones it; set it in "
        "~/.config/inferencectl/config.yaml");
  }
}

/// What the option says of a value, beyond what the schema knows.
void CheckByOptions(const Values& values, std::vector<std::string>& errors) {
  for (const OptionRow& option : Options()) {
    const auto found = values.find(option.config);
    // Each verb has formats of its own: one that hasn't this one keeps to its default.
    if (option.config.empty() || found == values.end() || option.name == "output") continue;
    for (const std::string& value : found->second.values) {
      const Status status = CheckValue(option, value);
      if (!status.ok()) errors.push_back(found->second.origin + ": error: " + status.message());
    }
  }
}

Values ReadOne(const std::string& path, bool project, std::vector<std::string>& errors) {
  Values values;
  const auto text = manifest::ReadFile(path, kLimits);
  if (!text) {
    errors.push_back(text.status().message());
    return values;
  }
  api::Diagnostics found;
  const auto documents = manifest::ParseDocuments(path, *text, found, kLimits);
  if (documents.empty() && !api::HasErrors(found)) return values;  // an empty file sets nothing
  const Node* document = api::HasErrors(found)
                             ? nullptr
                             : manifest::OnlyDocument(path, documents, {{kVersion}, kKind}, found);
  if (document != nullptr) {
    const schema::Kind& kind = *schema::FindKind(kVersion, kKind);
    schema::Check(*document, kind, {}, found);
    if (project) RefuseAllButLint(*document, kind, found);
  }
  manifest::SortByPosition(found, 0);
  for (const api::Diagnostic& d : found) errors.push_back(SafeForTerminal(d.ToString()));
  if (document != nullptr && errors.empty()) Flatten(*document, "", values);
  CheckByOptions(values, errors);
  return values;
}

bool Exists(const std::string& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  // A folder that may not be searched is no reason to fail: the file isn't for this user.
  return !error && std::filesystem::exists(status);
}

}  // namespace

const Setting* Settings::Find(std::string_view key) const {
  const auto found = settings_.find(key);
  return found == settings_.end() ? nullptr : &found->second;
}

Result<Settings> ReadSettings(const std::string& only_file, const SettingsPlaces& places) {
  std::vector<std::string> files;
  if (only_file == "/dev/null") return Settings();
  if (!only_file.empty()) {
    files = {only_file};
  } else {
    for (const std::string* path : {&places.project, &places.user, &places.system}) {
      if (!path->empty() && Exists(*path)) files.push_back(*path);
    }
  }
  Settings out;
  std::vector<std::string> errors;
  for (const std::string& path : files) {
    const bool project = only_file.empty() && path == places.project;
    out.settings_.merge(ReadOne(path, project, errors));  // keeps what a stronger file said
  }
  out.files_ = std::move(files);
  if (errors.empty()) return out;
  std::string message = "the configuration can't be used\n";
  for (const std::string& error : errors) message += error + "\n";
  message.pop_back();
  return Status(Code::kInvalidArgument, std::move(message));
}

}  // namespace inference::ctl
