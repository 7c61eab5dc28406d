#include "inferencectl/envelope.h"

#include <google/protobuf/util/time_util.h>
#include <yaml-cpp/yaml.h>

#include "base/text.h"
#include "inferencectl/format.h"

namespace inference::ctl {
namespace {

bool IsPlainWord(const std::string& text) {
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/";
  constexpr std::string_view kRest =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
  if (text.empty() || kFirst.find(text[0]) == std::string_view::npos) return false;
  if (text.find_first_not_of(kRest) != std::string::npos) return false;
  const std::string lower = base::ToLower(text);
  for (const std::string_view word :
       {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}) {
    if (lower == word) return false;
  }
  return true;
}

void Emit(const Json& json, YAML::Emitter& out) {
  switch (json.type()) {
    case Json::value_t::object:
      out << (json.empty() ? YAML::Flow : YAML::Block) << YAML::BeginMap;
      for (const auto& [key, value] : json.items()) {
        out << YAML::Key;
        Emit(Json(key), out);
        out << YAML::Value;
        Emit(value, out);
      }
      out << YAML::EndMap;
      return;
    case Json::value_t::array:
      out << (json.empty() ? YAML::Flow : YAML::Block) << YAML::BeginSeq;
      for (const Json& item : json) Emit(item, out);
      out << YAML::EndSeq;
      return;
    case Json::value_t::string: {
      const std::string& text = json.get_ref<const std::string&>();
      if (IsPlainWord(text)) {
        out << text;
      } else {
        out << YAML::DoubleQuoted << text;
      }
      return;
    }
    case Json::value_t::null:
      out << YAML::Null;
      return;
    default:
      out << json.dump();  // numbers and booleans are written alike
  }
}

}  // namespace

Json Envelope(std::string_view kind, base::WallTime now, std::string_view server) {
  using google::protobuf::util::TimeUtil;
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch());
  Json out;
  out["apiVersion"] = kOutputVersion;
  out["kind"] = kind;
  out["metadata"]["generatedAt"] = UtcTime(TimeUtil::NanosecondsToTimestamp(nanos.count()));
  if (!server.empty()) out["metadata"]["source"] = {{"backend", "daemon"}, {"server", server}};
  return out;
}

Json ErrorDocument(const Status& status, ExitCode exit, base::WallTime now) {
  Json out = Envelope("Error", now);
  out["code"] = Describe(exit).name;
  out["exitCode"] = static_cast<int>(exit);
  out["message"] = status.message();
  out["details"] = {{"status", CodeName(status.code())}};
  out["retryable"] = exit == ExitCode::kUnreachable ? status.code() != Code::kPermissionDenied
                                                    : exit == ExitCode::kTimeout;
  return out;
}

std::string ToText(const Json& json, bool compact) {
  return json.dump(compact ? -1 : 2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string ToYaml(const Json& json) {
  // What isn't UTF-8 is replaced, as in JSON.
  const Json clean = Json::parse(ToText(json, /*compact=*/true));
  YAML::Emitter out;
  Emit(clean, out);
  return std::string(out.c_str()) + "\n";
}

}  // namespace inference::ctl
