#include "api/text_values.h"

#include <array>
#include <charconv>
#include <cmath>

namespace inference::api {
namespace {

constexpr double kMaxNanos = 100.0 * 366 * 24 * 3600 * 1e9;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsAlnum(char c) {
  return IsDigit(c) || IsLower(c) || (c >= 'A' && c <= 'Z');
}

// Digits with at most one dot, at least one digit; empty when there is none.
std::string_view TakeDecimal(std::string_view& text) {
  size_t end = 0, digits = 0, dots = 0;
  for (; end < text.size() && (IsDigit(text[end]) || text[end] == '.'); ++end) {
    ++(text[end] == '.' ? dots : digits);
  }
  if (digits == 0 || dots > 1) return {};
  const std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  return number;
}

// Exact decimal arithmetic: digits times 10^-scale. Empty when the digits overflow.
struct Decimal {
  int64_t digits = 0;
  int scale = 0;
};
std::optional<Decimal> ToDecimal(std::string_view number) {
  Decimal out;
  bool fraction = false;
  for (const char c : number) {
    if (c == '.') {
      fraction = true;
      continue;
    }
    if (__builtin_mul_overflow(out.digits, int64_t{10}, &out.digits) ||
        __builtin_add_overflow(out.digits, int64_t{c - '0'}, &out.digits)) {
      return std::nullopt;
    }
    out.scale += fraction ? 1 : 0;
  }
  return out;
}

struct Unit {
  std::string_view suffix;
  int64_t factor;
};
constexpr auto kDurationUnits = std::to_array<Unit>({{"ns", 1},
                                                     {"us", 1'000},
                                                     {"\xc2\xb5s", 1'000},
                                                     {"\xce\xbcs", 1'000},
                                                     {"ms", 1'000'000},
                                                     {"s", 1'000'000'000},
                                                     {"m", 60'000'000'000},
                                                     {"h", 3'600'000'000'000}});
constexpr auto kQuantityUnits = std::to_array<Unit>({{"", 1},
                                                     {"k", 1'000},
                                                     {"M", 1'000'000},
                                                     {"G", 1'000'000'000},
                                                     {"T", 1'000'000'000'000},
                                                     {"P", 1'000'000'000'000'000},
                                                     {"E", 1'000'000'000'000'000'000},
                                                     {"Ki", int64_t{1} << 10},
                                                     {"Mi", int64_t{1} << 20},
                                                     {"Gi", int64_t{1} << 30},
                                                     {"Ti", int64_t{1} << 40},
                                                     {"Pi", int64_t{1} << 50},
                                                     {"Ei", int64_t{1} << 60}});

// Divides whichever of the two it can.
bool DivideOne(int64_t& a, int64_t& b, int64_t divisor) {
  if (a % divisor == 0) {
    a /= divisor;
    return true;
  }
  if (b % divisor != 0) return false;
  b /= divisor;
  return true;
}

// digits * factor / 10^scale, when that is a whole int64.
std::optional<int64_t> WholeProduct(const Decimal& number, int64_t factor) {
  int64_t digits = number.digits, product = 0;
  for (int i = 0; i < number.scale; ++i) {
    if (!DivideOne(digits, factor, 2) || !DivideOne(digits, factor, 5)) return std::nullopt;
  }
  if (__builtin_mul_overflow(digits, factor, &product)) return std::nullopt;
  return product;
}

std::optional<int64_t> PowerOfTen(std::string_view exponent) {
  if (!exponent.empty() && exponent.front() == '+') exponent.remove_prefix(1);
  int power = 0;
  const auto [end, error] =
      std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
  if (error != std::errc() || end != exponent.data() + exponent.size()) return std::nullopt;
  if (power < 0 || power > 18) return std::nullopt;
  int64_t factor = 1;
  while (power-- > 0) factor *= 10;
  return factor;
}

}  // namespace

std::optional<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty() || text.size() > 64) return std::nullopt;
  double total = 0;
  int64_t nanos = 0;
  while (!text.empty()) {
    const std::string_view number = TakeDecimal(text);
    if (number.empty()) return std::nullopt;
    size_t end = 0;
    while (end < text.size() && !IsDigit(text[end]) && text[end] != '.') ++end;
    const Unit* unit = nullptr;
    for (const Unit& candidate : kDurationUnits) {
      if (candidate.suffix == text.substr(0, end)) unit = &candidate;
    }
    const std::optional<Decimal> decimal = ToDecimal(number);
    if (!unit || !decimal) return std::nullopt;
    text.remove_prefix(end);
    const double part = static_cast<double>(decimal->digits) * std::pow(10.0, -decimal->scale) *
                        static_cast<double>(unit->factor);
    total += part;
    if (total > kMaxNanos) return std::nullopt;
    const std::optional<int64_t> exact = WholeProduct(*decimal, unit->factor);
    nanos += exact ? *exact : static_cast<int64_t>(part);
  }
  return std::chrono::nanoseconds(nanos);
}

std::string FormatDuration(std::chrono::nanoseconds value) {
  int64_t nanos = value.count();
  if (nanos == 0) return "0s";
  std::string out;
  for (const auto& [suffix, factor] :
       {Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000}, Unit{"s", 1'000'000'000},
        Unit{"ms", 1'000'000}, Unit{"us", 1'000}, Unit{"ns", 1}}) {
    if (nanos < factor) continue;
    out += std::to_string(nanos / factor) + std::string(suffix);
    nanos %= factor;
  }
  return out;
}

std::optional<int64_t> ParseQuantity(std::string_view text) {
  if (text.empty() || text.size() > 64) return std::nullopt;
  const std::string_view number = TakeDecimal(text);
  if (number.empty()) return std::nullopt;
  const std::optional<Decimal> decimal = ToDecimal(number);
  if (!decimal) return std::nullopt;
  for (const Unit& unit : kQuantityUnits) {
    if (unit.suffix == text) return WholeProduct(*decimal, unit.factor);
  }
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  const std::optional<int64_t> factor = PowerOfTen(text.substr(1));
  return factor ? WholeProduct(*decimal, *factor) : std::nullopt;
}

std::string FormatQuantity(int64_t value) {
  for (size_t i = kQuantityUnits.size(); i-- > 0 && kQuantityUnits[i].suffix.ends_with('i');) {
    const Unit& unit = kQuantityUnits[i];
    if (value != 0 && value % unit.factor == 0) {
      return std::to_string(value / unit.factor) + std::string(unit.suffix);
    }
  }
  return std::to_string(value);
}

bool IsDnsLabel(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() == '-' || text.back() == '-') return false;
  for (const char c : text) {
    if (!IsDigit(c) && !IsLower(c) && c != '-') return false;
  }
  return true;
}

bool IsDnsSubdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    // Only the whole is bounded: Kubernetes allows longer parts in object names.
    if (part.empty() || part.front() == '-' || part.back() == '-') return false;
    for (const char c : part) {
      if (!IsDigit(c) && !IsLower(c) && c != '-') return false;
    }
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool IsLabelValue(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > 63 || !IsAlnum(text.front()) || !IsAlnum(text.back())) return false;
  for (const char c : text) {
    if (!IsAlnum(c) && c != '-' && c != '_' && c != '.') return false;
  }
  return true;
}

bool IsLabelKey(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    if (!IsDnsSubdomain(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return !text.empty() && IsLabelValue(text);
}

}  // namespace inference::api
