#include "inferencesim/faults.h"

#include <fmt/core.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace inference::sim {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 5> kPageFaults = {"none", "truncate", "garbage", "nan",
                                                         "empty"};

bool ReadBool(const Json& value, bool* out) {
  if (!value.is_boolean()) return false;
  *out = value.get<bool>();
  return true;
}

template <typename T>
bool ReadNumber(const Json& value, double low, double high, T* out) {
  if (!value.is_number()) return false;
  const double number = value.get<double>();
  if (!(number >= low && number <= high)) return false;
  *out = static_cast<T>(number);
  return true;
}

struct Member {
  std::string_view name;
  std::string_view expected;
  bool (*read)(const Json& value, Faults* faults);
  void (*reset)(Faults* faults);
  Json (*write)(const Faults& faults);
};

constexpr std::array kMembers = {
    Member{"refuse", "true or false",
           [](const Json& v, Faults* f) { return ReadBool(v, &f->refuse); },
           [](Faults* f) { f->refuse = false; }, [](const Faults& f) { return Json(f.refuse); }},
    Member{"hang", "true or false", [](const Json& v, Faults* f) { return ReadBool(v, &f->hang); },
           [](Faults* f) { f->hang = false; }, [](const Faults& f) { return Json(f.hang); }},
    Member{"hang_metrics", "true or false",
           [](const Json& v, Faults* f) { return ReadBool(v, &f->hang_metrics); },
           [](Faults* f) { f->hang_metrics = false; },
           [](const Faults& f) { return Json(f.hang_metrics); }},
    Member{"metrics_delay_ms", "a number from 0 to 600000",
           [](const Json& v, Faults* f) { return ReadNumber(v, 0, 600000, &f->metrics_delay_ms); },
           [](Faults* f) { f->metrics_delay_ms = 0; },
           [](const Faults& f) { return Json(f.metrics_delay_ms); }},
    Member{"metrics_page", "none, truncate, garbage, nan or empty",
           [](const Json& v, Faults* f) {
             if (!v.is_string()) return false;
             for (size_t i = 0; i < kPageFaults.size(); ++i) {
               if (v.get_ref<const std::string&>() != kPageFaults[i]) continue;
               f->metrics_page = static_cast<PageFault>(i);
               return true;
             }
             return false;
           },
           [](Faults* f) { f->metrics_page = PageFault::kNone; },
           [](const Faults& f) { return Json(kPageFaults[static_cast<size_t>(f.metrics_page)]); }},
    Member{"error_rate", "a number from 0 to 1",
           [](const Json& v, Faults* f) { return ReadNumber(v, 0, 1, &f->error_rate); },
           [](Faults* f) { f->error_rate = 0; },
           [](const Faults& f) { return Json(f.error_rate); }},
    Member{"error_status", "a number from 400 to 599",
           [](const Json& v, Faults* f) { return ReadNumber(v, 400, 599, &f->error_status); },
           [](Faults* f) { f->error_status = 500; },
           [](const Faults& f) { return Json(f.error_status); }},
    Member{"die_after_tokens", "a number from 0",
           [](const Json& v, Faults* f) {
             return ReadNumber(v, 0, 1e9, &f->die_after_tokens.emplace(0));
           },
           [](Faults* f) { f->die_after_tokens.reset(); },
           [](const Faults& f) {
             return f.die_after_tokens ? Json(*f.die_after_tokens) : Json(nullptr);
           }},
    Member{"latency_factor", "a number from 0.001 to 10000",
           [](const Json& v, Faults* f) { return ReadNumber(v, 0.001, 10000, &f->latency_factor); },
           [](Faults* f) { f->latency_factor = 1; },
           [](const Faults& f) { return Json(f.latency_factor); }},
    Member{"sleep_level", "0, 1 or 2",
           [](const Json& v, Faults* f) { return ReadNumber(v, 0, 2, &f->sleep_level); },
           [](Faults* f) { f->sleep_level = 0; },
           [](const Faults& f) { return Json(f.sleep_level); }},
};

Status UnknownFault(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Member& member : kMembers) names.push_back(member.name);
  const std::string_view meant = base::ClosestMatch(name, names);
  return Status(Code::kInvalidArgument,
                fmt::format("unknown fault '{}'{}", base::Printable(name, 40),
                            meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant)));
}

Status ApplyMember(std::string_view name, const Json& value, Faults* faults) {
  for (const Member& member : kMembers) {
    if (member.name != name) continue;
    if (value.is_null()) {
      member.reset(faults);
    } else if (!member.read(value, faults)) {
      return Status(Code::kInvalidArgument, fmt::format("{} must be {}", name, member.expected));
    }
    return Status::Ok();
  }
  return UnknownFault(name);
}

Result<Faults> Apply(const Faults& current, const Json& object) {
  Faults faults = current;
  const auto clear = object.find("clear");
  if (clear != object.end()) {
    bool all = false;
    if (!ReadBool(*clear, &all)) {
      return Status(Code::kInvalidArgument, "clear must be true or false");
    }
    if (all) faults = Faults();
  }
  for (const auto& [name, value] : object.items()) {
    if (name == "clear") continue;
    if (Status s = ApplyMember(name, value, &faults); !s.ok()) return s;
  }
  return faults;
}

}  // namespace

Result<Faults> ChangeFaults(const Faults& current, std::string_view json) {
  const Json object = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return Status(Code::kInvalidArgument, "the body must be a JSON object");
  }
  return Apply(current, object);
}

Result<Faults> ParseFaultFlags(const Faults& current, std::string_view text) {
  Json object = Json::object();
  for (const std::string_view item : base::SplitTrimmed(text, ',')) {
    const size_t equals = item.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? "true" : item.substr(equals + 1);
    Json parsed = Json::parse(value, nullptr, /*allow_exceptions=*/false);
    if (parsed.is_discarded()) parsed = std::string(value);
    object[std::string(item.substr(0, equals))] = std::move(parsed);
  }
  return Apply(current, object);
}

std::string FaultsToJson(const Faults& faults) {
  Json object = Json::object();
  for (const Member& member : kMembers) object[std::string(member.name)] = member.write(faults);
  return object.dump();
}

}  // namespace inference::sim
