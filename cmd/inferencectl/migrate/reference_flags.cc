#include "inferencectl/migrate/reference_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>

#include "api/text_values.h"
#include "base/text.h"

namespace inference::ctl {
namespace {

enum class Fate {
  kMapped,     // Writer takes it up
  kNotNeeded,  // what it is for holds here anyway
  kLost,       // nothing here does that
};

struct Flag {
  std::string_view name;
  bool is_switch;
  Fate fate;
  std::string_view why;  // for a remark; empty: none
};

constexpr std::array kFlags{
    Flag{"grpc-port", false, Fate::kMapped, ""},
    Flag{"secure-serving", true, Fate::kMapped, ""},
    Flag{"cert-path", false, Fate::kMapped, ""},
    Flag{"grpc-health-port", false, Fate::kMapped, ""},
    Flag{"metrics-port", false, Fate::kMapped, ""},
    Flag{"drain-timeout", false, Fate::kMapped, ""},
    Flag{"refresh-metrics-interval", false, Fate::kMapped, ""},
    Flag{"metrics-staleness-threshold", false, Fate::kMapped, ""},
    Flag{"config-file", false, Fate::kMapped, ""},
    Flag{"v", false, Fate::kMapped, ""},
    Flag{"zap-log-level", false, Fate::kMapped, ""},
    Flag{"zap-encoder", false, Fate::kMapped, ""},
    Flag{"pool-name", false, Fate::kMapped, ""},
    Flag{"pool-namespace", false, Fate::kMapped, ""},
    Flag{"pool-group", false, Fate::kMapped, ""},
    Flag{"endpoint-selector", false, Fate::kMapped, ""},
    Flag{"endpoint-target-ports", false, Fate::kMapped, ""},
    Flag{"config-text", false, Fate::kLost,
         "write the text to a file, and name that with --config-file"},
    Flag{"enable-cert-reload", true, Fate::kNotNeeded,
         "certificates are taken into use when their files change"},
    Flag{"health-checking", true, Fate::kNotNeeded, "gRPC health is always served there"},
    Flag{"allow-experimental-plugins", true, Fate::kNotNeeded,
         "a plugin that this build has can be used"},
    Flag{"refresh-prometheus-metrics-interval", false, Fate::kNotNeeded,
         "gauges are read when somebody asks for them"},
    Flag{"grpc-max-recv-msg-size", false, Fate::kNotNeeded,
         "messages have the limit of bodies, limits.maxBodyBytes (64Mi)"},
    Flag{"grpc-max-send-msg-size", false, Fate::kNotNeeded, "messages sent have no limit"},
    Flag{"enable-grpc-stream-metrics", true, Fate::kNotNeeded, "streams are always counted"},
    Flag{"zap-devel", true, Fate::kNotNeeded, ""},
    Flag{"zap-stacktrace-level", false, Fate::kNotNeeded, "no log line has a stack trace"},
    Flag{"zap-time-encoding", false, Fate::kNotNeeded, ""},
    Flag{"ha-enable-leader-election", true, Fate::kLost,
         "every replica serves; there is no leader to elect"},
    Flag{"disable-endpoint-subset-filter", true, Fate::kLost,
         "the gateway's subset hint always counts"},
    Flag{"emit-endpoint-scores", true, Fate::kLost,
         "scores are not sent to the gateway; inferencectl why shows those of each request"},
    Flag{"enable-pprof", true, Fate::kLost, "there are no profiles on the metrics port; use perf"},
    Flag{"tracing", true, Fate::kLost, "there are no OpenTelemetry traces"},
    Flag{"tls-min-version", false, Fate::kLost, "TLS 1.2 is the least"},
    Flag{"tls-cipher-suites", false, Fate::kLost, "the system's OpenSSL policy decides"},
    Flag{
        "metrics-endpoint-auth", true, Fate::kLost,
        "the metrics page asks nobody who he is: keep http.address on loopback, or behind a proxy"},
    Flag{"metrics-client-ca-file", false, Fate::kLost, "the metrics page has no TLS"},
    Flag{"metrics-cert-dir", false, Fate::kLost, "the metrics page has no TLS"},
    Flag{"total-queued-requests-metric", false, Fate::kLost, "name it in engines:"},
    Flag{"total-running-requests-metric", false, Fate::kLost, "name it in engines:"},
    Flag{"kv-cache-usage-percentage-metric", false, Fate::kLost, "name it in engines:"},
    Flag{"lora-info-metric", false, Fate::kLost, "name it in engines:"},
    Flag{"cache-info-metric", false, Fate::kLost, "name it in engines:"},
};

const Flag* Find(std::string_view name) {
  const auto* found = std::find_if(kFlags.begin(), kFlags.end(),
                                   [&](const Flag& flag) { return flag.name == name; });
  return found == kFlags.end() ? nullptr : found;
}

Status Wrong(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

Status UnknownFlag(const std::string& word, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Flag& flag : kFlags) names.push_back(flag.name);
  const std::string_view meant = base::ClosestMatch(name, names);
  return Wrong("the reference picker has no flag \"" + base::Printable(word) + "\"" +
               (meant.empty() ? "" : "; did you mean \"--" + std::string(meant) + "\"?"));
}

using Values = std::map<std::string_view, std::string>;  // by flag; the last one counts

// As pflag reads them: "--name value", "--name=value", "--switch", "-v 4", "-v=4", "-v4".
Result<Values> ReadWords(const std::vector<std::string>& words) {
  Values out;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!word.starts_with('-') || word == "-" || word == "--") {
      return Wrong("\"" + base::Printable(word) + "\" is no flag");
    }
    std::string_view rest = std::string_view(word).substr(word[1] == '-' ? 2 : 1);
    const size_t equals = rest.find('=');
    std::string_view name = rest.substr(0, equals);
    std::optional<std::string> value;
    if (equals != std::string_view::npos) value = rest.substr(equals + 1);
    if (word[1] != '-' && name.size() > 1 && name.front() == 'v' &&
        name.find_first_not_of("0123456789", 1) == std::string_view::npos) {
      value = name.substr(1);
      name = name.substr(0, 1);
    }
    const Flag* flag = Find(name);
    if (flag == nullptr) return UnknownFlag(word, name);
    if (!value && flag->is_switch) value = "true";
    if (!value) {
      if (i + 1 == words.size()) return Wrong("--" + std::string(name) + " lacks its value");
      value = words[++i];
    }
    if (flag->is_switch && *value != "true" && *value != "false") {
      return Wrong("--" + std::string(name) + " is true or false, not \"" +
                   base::Printable(*value) + "\"");
    }
    out[flag->name] = *std::move(value);
  }
  return out;
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Writes the configuration, a comment behind each line that says what it comes from.
class Writer {
 public:
  explicit Writer(const Values& values) : values_(values) {}

  Status WriteAll() {
    for (const auto step :
         {&Writer::Listeners, &Writer::Ports, &Writer::Durations, &Writer::Logging}) {
      if (const Status status = (this->*step)(); !status.ok()) return status;
    }
    if (const auto file = Given("config-file")) {
      Line("pickerConfig: " + Quoted(*file), "--config-file");
    }
    Line("manifests: [manifests.d]", "the pool and its endpoints, below");
    return Pool();
  }

  std::string Take() { return std::move(out_); }

 private:
  std::optional<std::string> Given(std::string_view flag) const {
    const auto found = values_.find(flag);
    if (found == values_.end()) return std::nullopt;
    return found->second;
  }

  void Line(const std::string& text, std::string_view from) {
    out_ += text + (from.empty() ? "" : "  # " + std::string(from)) + "\n";
  }

  Result<int> Port(std::string_view flag, int fallback) const {
    const auto given = Given(flag);
    if (!given) return fallback;
    int port = 0;
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), port);
    if (error == std::errc() && end == given->data() + given->size() && port > 0 && port < 65536) {
      return port;
    }
    return Wrong("--" + std::string(flag) + " wants a port, not \"" + base::Printable(*given) +
                 "\"");
  }

  Status Listeners() {
    const Result<int> port = Port("grpc-port", 9002);
    if (!port.ok()) return port.status();
    const bool secure = Given("secure-serving").value_or("true") == "true";
    const auto certificates = Given("cert-path");
    std::string tls = "{mode: none}", from = "--secure-serving=false";
    if (secure && certificates) {
      tls = fmt::format("{{mode: files, certFile: {}, keyFile: {}}}",
                        Quoted(*certificates + "/tls.crt"), Quoted(*certificates + "/tls.key"));
      from = "--cert-path";
    } else if (secure) {
      tls = "{mode: selfSigned}";
      from = "--secure-serving, its default";
    }
    Line("listeners:", "");
    Line(fmt::format("- {{address: \"[::]:{}\", tls: {}}}", *port, tls), "--grpc-port, " + from);
    return Status::Ok();
  }

  Status Ports() {
    const Result<int> health = Port("grpc-health-port", 9003), http = Port("metrics-port", 9090);
    if (!health.ok()) return health.status();
    if (!http.ok()) return http.status();
    Line(fmt::format("health: {{address: \"[::]:{}\"}}", *health), "--grpc-health-port");
    Line(fmt::format("http: {{address: \"[::]:{}\"}}", *http), "--metrics-port");
    return Status::Ok();
  }

  Status Duration(std::string_view flag, std::string_view field, std::string& out) const {
    const auto given = Given(flag);
    if (!given) return Status::Ok();
    const auto value = api::ParseDuration(*given);
    if (!value) {
      return Wrong("--" + std::string(flag) + " wants a duration as 30s, not \"" +
                   base::Printable(*given) + "\"");
    }
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", field, api::FormatDuration(*value));
    return Status::Ok();
  }

  Status Durations() {
    std::string drain, scrape;
    for (const Status& status : {Duration("drain-timeout", "drainTimeout", drain),
                                 Duration("refresh-metrics-interval", "interval", scrape),
                                 Duration("metrics-staleness-threshold", "staleAfter", scrape)}) {
      if (!status.ok()) return status;
    }
    if (!drain.empty()) Line(drain, "--drain-timeout");
    if (!scrape.empty()) {
      Line("scrape: {" + scrape + "}", "--refresh-metrics-interval, --metrics-staleness-threshold");
    }
    return Status::Ok();
  }

  Status Logging() {
    if (const auto level = Given("v")) {
      const bool number = !level->empty() && level->find_first_not_of("0123456789") == level->npos;
      if (!number) return Wrong("-v wants a number, not \"" + base::Printable(*level) + "\"");
      const bool trace = level->size() > 1 || *level >= "5";
      Line(fmt::format("logLevel: {}", trace ? "trace" : *level == "4" ? "debug" : "info"), "-v");
    } else if (const auto zap = Given("zap-log-level")) {
      constexpr std::array<std::string_view, 3> kSame{"debug", "info", "error"};
      const bool same = std::find(kSame.begin(), kSame.end(), *zap) != kSame.end();
      Line("logLevel: " + (same ? *zap : std::string("info")), "--zap-log-level");
    }
    if (const auto encoder = Given("zap-encoder")) {
      Line(std::string("logFormat: ") + (*encoder == "json" ? "json" : "text"), "--zap-encoder");
    }
    return Status::Ok();
  }

  // What it would select, as a comment: one file holds one DaemonConfig.
  Status Pool() {
    const auto name = Given("pool-name"), selector = Given("endpoint-selector");
    if (name.has_value() == selector.has_value()) {
      return Wrong("exactly one of --pool-name and --endpoint-selector is needed");
    }
    const std::string ns = Given("pool-namespace").value_or("default");
    out_ += "\n# manifests.d needs ";
    if (name) {
      out_ += fmt::format(
          "the InferencePool {}/{} of your cluster, and an EndpointSet for its pods.\n", ns, *name);
      return Status::Ok();
    }
    out_ += "an EndpointSet for the pods, and this pool:\n#\n";
    std::string labels, ports;
    for (const std::string_view label : base::SplitTrimmed(*selector, ',')) {
      const size_t equals = label.find('=');
      if (equals == label.npos || label[equals ? equals - 1 : 0] == '!') {
        return Wrong("--endpoint-selector: only KEY=VALUE can be said by an InferencePool, not \"" +
                     base::Printable(label) + "\"");
      }
      std::string_view value = label.substr(equals + 1);
      if (value.starts_with('=')) value.remove_prefix(1);
      labels += fmt::format("{}{}: {}", labels.empty() ? "" : ", ", label.substr(0, equals),
                            Quoted(value));
    }
    const std::string given_ports = Given("endpoint-target-ports").value_or("");
    for (const std::string_view port : base::SplitTrimmed(given_ports, ',')) {
      ports += fmt::format("{}{{number: {}}}", ports.empty() ? "" : ", ", port);
    }
    if (ports.empty()) return Wrong("--endpoint-selector needs --endpoint-target-ports");
    out_ += fmt::format(
        "#   apiVersion: inference.networking.k8s.io/v1\n#   kind: InferencePool\n"
        "#   metadata: {{name: pool, namespace: {}}}\n#   spec:\n"
        "#     selector: {{matchLabels: {{{}}}}}\n#     targetPorts: [{}]\n",
        ns, labels, ports);
    return Status::Ok();
  }

  const Values& values_;
  std::string out_ = "apiVersion: inferenced.dev/v1alpha1\nkind: DaemonConfig\n";
};

}  // namespace

Result<Migration> MigrateFlags(const std::vector<std::string>& words) {
  const Result<Values> values = ReadWords(words);
  if (!values.ok()) return values.status();
  Migration out;
  Writer writer(*values);
  if (const Status written = writer.WriteAll(); !written.ok()) return written;
  out.yaml = writer.Take();
  for (const auto& [name, value] : *values) {
    const Flag& flag = *Find(name);
    if (name == "config-file") out.picker_config = value;
    if (flag.fate == Fate::kMapped || (flag.is_switch && value == "false")) continue;
    if (flag.why.empty()) continue;
    out.remarks.push_back(
        {"--" + std::string(name), std::string(flag.why), flag.fate == Fate::kLost});
  }
  return out;
}

}  // namespace inference::ctl
