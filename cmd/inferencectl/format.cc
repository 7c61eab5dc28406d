#include "inferencectl/format.h"

#include <fmt/format.h>
#include <locale.h>
#include <wchar.h>

#include <array>
#include <cmath>
#include <ctime>

#include "base/text.h"

namespace inference::ctl {
namespace {

/// The C library's table of widths, whatever the user's locale is.
class Utf8Locale {
 public:
  Utf8Locale() : locale_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr)) {}
  locale_t get() const { return locale_; }

 private:
  const locale_t locale_;
};

}  // namespace

std::string HumanMillis(int64_t millis) {
  if (millis < 1000) return fmt::format("{}ms", millis);
  if (millis < 60'000) return HumanNumber(static_cast<double>(millis) / 1000) + "s";
  const int64_t seconds = millis / 1000;
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d{:02}h", seconds / 86'400, seconds % 86'400 / 3600);
}

std::string HumanMicros(int64_t micros) {
  return micros < 1000 ? fmt::format("{}us", micros) : HumanMillis(micros / 1000);
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return HumanNumber(value) + " " + kUnits[unit];
}

std::string HumanNumber(double value, int decimals) {
  std::string text = fmt::format("{:.{}f}", value, decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::string NumberOrUnknown(const admin::v1::Metric& metric) {
  return metric.has_value() ? HumanNumber(metric.value()) : std::string(kUnknownText);
}

std::string PercentOrUnknown(const std::optional<double>& fraction) {
  return fraction ? HumanNumber(*fraction * 100) : std::string(kUnknownText);
}

std::string UtcTime(const google::protobuf::Timestamp& time, bool millis) {
  const time_t seconds = static_cast<time_t>(time.seconds());
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const size_t size = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string out(text.data(), size);
  if (millis) out += fmt::format(".{:03}", time.nanos() / 1'000'000);
  return out + "Z";
}

std::string SafeForTerminal(std::string_view text) {
  return base::Printable(text, 1000);
}

size_t DisplayWidth(std::string_view text) {
  static const Utf8Locale locale;
  const locale_t before = uselocale(locale.get());
  size_t width = 0;
  mbstate_t state{};
  while (!text.empty()) {
    wchar_t character = 0;
    size_t size = mbrtowc(&character, text.data(), text.size(), &state);
    if (size == 0 || size > text.size()) {  // NUL, or not UTF-8: one column per byte
      size = 1;
      state = {};
      ++width;
    } else if (const int columns = wcwidth(character); columns > 0) {
      width += static_cast<size_t>(columns);
    }
    text.remove_prefix(size);
  }
  uselocale(before);
  return width;
}

std::string Wrapped(std::string_view text, size_t indent, size_t first_column) {
  constexpr size_t kWidth = 80;
  std::string out;
  size_t column = first_column;
  for (std::string_view word : base::SplitTrimmed(text, ' ')) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out + "\n";
}

}  // namespace inference::ctl
