#include "inferencectl/envelope.h"

#include <google/protobuf/util/time_util.h>

#include "inferencectl/format.h"

namespace inference::ctl {

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

}  // namespace inference::ctl
