#include "inferencectl/traffic/removed.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "manifest/edit/annotation.h"

namespace inference::ctl::traffic {
namespace {

// Beyond this nobody reads it, and it would crowd out the object's other annotations.
constexpr size_t kMaxBytes = 64 << 10;

Status Wrong(std::string_view what) {
  return {Code::kInvalidArgument,
          fmt::format("its annotation {} {}, so nothing is known of targets that left",
                      kRemovedTargets, what)};
}

bool IsIndex(const std::string& text, size_t& out) {
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, out);
  return error == std::errc() && end == last;
}

bool HasName(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

Result<RemovedTargets> ReadRemoved(const manifest::Node& document) {
  RemovedTargets out;
  const manifest::Node* node = manifest::edit::FindAnnotation(document, kRemovedTargets);
  if (node == nullptr || node->kind == manifest::Node::Kind::kNull) return out;
  if (node->text.size() > kMaxBytes) {
    return Wrong(fmt::format("has {} bytes, more than {}", node->text.size(), kMaxBytes));
  }
  const auto json = nlohmann::json::parse(node->text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Wrong("isn't JSON");
  if (!json.is_object()) return Wrong("isn't a map from rules to names");
  for (const auto& [key, names] : json.items()) {
    size_t rule = 0;
    if (!IsIndex(key, rule)) return Wrong("has a key that is no rule's index");
    if (!names.is_array()) return Wrong("isn't a map from rules to names");
    for (const auto& name : names) {
      const auto* text = name.get_ptr<const std::string*>();
      if (text == nullptr || text->empty()) return Wrong("isn't a map from rules to names");
      if (!HasName(out[rule], *text)) out[rule].push_back(*text);
    }
  }
  return out;
}

std::vector<std::string> RemovedFrom(const RemovedTargets& removed, size_t rule,
                                     const std::vector<std::string>& present) {
  const auto found = removed.find(rule);
  if (found == removed.end()) return {};
  std::vector<std::string> out = found->second;
  std::erase_if(out, [&](const std::string& name) { return HasName(present, name); });
  return out;
}

Result<std::string> WriteRemoved(const RemovedTargets& removed) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (const auto& [rule, names] : removed) {
    if (!names.empty()) json[std::to_string(rule)] = names;
  }
  if (json.empty()) return std::string();
  std::string out =
      json.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
  if (out.size() <= kMaxBytes) return out;
  return Status(Code::kInvalidArgument,
                fmt::format("they would need {} bytes, more than {}", out.size(), kMaxBytes));
}

}  // namespace inference::ctl::traffic
