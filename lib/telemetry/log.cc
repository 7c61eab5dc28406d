#include "telemetry/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace inference::telemetry {
namespace {

// The message as the inside of a JSON string.
class JsonMessageFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& dest) override {
    for (const char raw : msg.payload) {
      const auto c = static_cast<unsigned char>(raw);
      if (c == '"' || c == '\\') {
        dest.push_back('\\');
        dest.push_back(raw);
      } else if (c < 0x20) {
        fmt::format_to(std::back_inserter(dest), "\\u{:04x}", c);
      } else {
        dest.push_back(raw);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessageFlag>();
  }
};

// The syslog priority prefix that the journal understands, e.g. "<4>".
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& dest) override {
    static constexpr std::string_view kPrefix[] = {"<7>", "<7>", "<6>", "<4>", "<3>", "<2>", "<6>"};
    const std::string_view prefix = kPrefix[msg.level];
    dest.append(prefix.data(), prefix.data() + prefix.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PriorityFlag>();
  }
};

std::unique_ptr<spdlog::pattern_formatter> MakeFormatter(const char* pattern) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<JsonMessageFlag>('Q').add_flag<PriorityFlag>('q').set_pattern(pattern);
  return formatter;
}

}  // namespace

Status SetUpLog(const std::string& level, const std::string& format) {
  const spdlog::level::level_enum parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off) {
    return Status(Code::kInvalidArgument,
                  "log level \"" + level + "\" is none of trace, debug, info, warn, error");
  }
  if (format != "auto" && format != "text" && format != "json") {
    return Status(Code::kInvalidArgument,
                  "log format \"" + format + "\" is none of auto, text, json");
  }
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("", sink);
  if (format == "json" || (format == "auto" && !terminal && !journal)) {
    logger->set_formatter(
        MakeFormatter(R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":"%Q"})"));
  } else if (journal && format == "auto") {
    logger->set_formatter(MakeFormatter("%q%v"));
  } else {
    logger->set_formatter(MakeFormatter("%Y-%m-%dT%H:%M:%S.%eZ %l %v"));
  }
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return Status::Ok();
}

}  // namespace inference::telemetry
