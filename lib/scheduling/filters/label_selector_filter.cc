#include "scheduling/filters/label_selector_filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include "api/codes.h"
#include "base/text.h"
#include "scheduling/params.h"

namespace inference::scheduling {
namespace {

enum class Operator { kIn, kNotIn, kExists, kDoesNotExist };
constexpr std::array<std::pair<std::string_view, Operator>, 4> kOperators{{
    {"In", Operator::kIn},
    {"NotIn", Operator::kNotIn},
    {"Exists", Operator::kExists},
    {"DoesNotExist", Operator::kDoesNotExist},
}};

struct Requirement {
  std::string key;
  Operator op = Operator::kExists;
  std::vector<std::string> values;

  bool Matches(const api::Labels& labels) const {
    const auto it = labels.find(key);
    const bool there = it != labels.end();
    const auto listed = [&] {
      return there && std::find(values.begin(), values.end(), it->second) != values.end();
    };
    switch (op) {
      case Operator::kIn:
        return listed();
      case Operator::kNotIn:
        return !listed();
      case Operator::kExists:
        return there;
      case Operator::kDoesNotExist:
        return !there;
    }
    return false;
  }

  std::string ToString() const {
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ",") + value;
    switch (op) {
      case Operator::kIn:
        return values.size() == 1 ? key + "=" + list : key + " in (" + list + ")";
      case Operator::kNotIn:
        return key + " not in (" + list + ")";
      case Operator::kExists:
        return key;
      case Operator::kDoesNotExist:
        return "!" + key;
    }
    return key;
  }
};

class LabelSelectorFilter final : public Filter {
 public:
  explicit LabelSelectorFilter(std::vector<Requirement> requirements)
      : requirements_(std::move(requirements)) {}

  void Apply(const PickContext&, std::vector<Candidate>& candidates) const override {
    std::erase_if(candidates, [this](const Candidate& candidate) {
      const api::Labels& labels = candidate.get().info().labels;
      return !std::all_of(requirements_.begin(), requirements_.end(),
                          [&](const Requirement& r) { return r.Matches(labels); });
    });
  }

  std::string Reason() const override {
    std::string all;
    for (const Requirement& r : requirements_) all += (all.empty() ? "" : ", ") + r.ToString();
    return "labels do not match " + all;
  }

 private:
  const std::vector<Requirement> requirements_;
};

// Reports mistakes and goes on, so that one run names all of them.
class SelectorReader {
 public:
  explicit SelectorReader(api::Diagnostics& out) : out_(out) {}

  void ReadLabels(const api::Value& labels) {
    for (const api::Value::Member& member : *labels.AsMap()) {
      const std::string* value = member.value.AsString();
      if (!value) {
        Wrong(member.value, "a label of matchLabels must be a string; quote it");
        continue;
      }
      requirements_.push_back({member.key, Operator::kIn, {*value}});
    }
  }

  void ReadExpression(const api::Value& expression) {
    Requirement r;
    const api::Value* key = expression.Find("key");
    const api::Value* op = expression.Find("operator");
    if (!expression.AsMap() || !key || !key->AsString() || !op || !op->AsString()) {
      return Wrong(expression,
                   "a match expression must be a map with the strings key and operator");
    }
    for (const api::Value::Member& member : *expression.AsMap()) {
      if (member.key != "key" && member.key != "operator" && member.key != "values") {
        Wrong(member.value, "a match expression has key, operator and values, not '" +
                                base::Printable(member.key, 60) + "'");
      }
    }
    r.key = *key->AsString();
    const auto* known = std::find_if(kOperators.begin(), kOperators.end(),
                                     [&](const auto& o) { return o.first == *op->AsString(); });
    if (known == kOperators.end()) {
      return Wrong(*op, "operator must be In, NotIn, Exists or DoesNotExist, not '" +
                            base::Printable(*op->AsString(), 60) + "'");
    }
    r.op = known->second;
    if (!ReadValues(expression, r)) return;
    requirements_.push_back(std::move(r));
  }

  bool ok() const { return ok_; }
  std::vector<Requirement> Take() { return std::move(requirements_); }

 private:
  bool ReadValues(const api::Value& expression, Requirement& r) {
    const api::Value* values = expression.Find("values");
    const bool wanted = r.op == Operator::kIn || r.op == Operator::kNotIn;
    const bool some = values && values->AsList() && !values->AsList()->empty();
    if (wanted && !some) {
      Wrong(values ? *values : expression, "In and NotIn need a list of values");
      return false;
    }
    if (!wanted && values && !values->is_null() && (!values->AsList() || some)) {
      Wrong(*values, "Exists and DoesNotExist take no values");
      return false;
    }
    if (!wanted) return true;
    for (const api::Value& value : *values->AsList()) {
      if (!value.AsString()) {
        Wrong(value, "a value of a match expression must be a string; quote it");
        return false;
      }
      r.values.push_back(*value.AsString());
    }
    return true;
  }

  void Wrong(const api::Value& where, std::string message) {
    out_.push_back({api::Severity::kError, std::string(api::codes::kParameterType), where.origin(),
                    std::move(message), ""});
    ok_ = false;
  }

  api::Diagnostics& out_;
  bool ok_ = true;
  std::vector<Requirement> requirements_;
};

}  // namespace

std::unique_ptr<Filter> MakeLabelSelectorFilter(const api::PluginSpec& spec,
                                                api::Diagnostics& out) {
  const api::Params params = ReadParams(spec, out);
  if (!params.ok()) return nullptr;
  SelectorReader reader(out);
  if (const api::Value* labels = params.Raw("matchLabels")) reader.ReadLabels(*labels);
  if (const api::Value* expressions = params.Raw("matchExpressions")) {
    for (const api::Value& expression : *expressions->AsList()) reader.ReadExpression(expression);
  }
  if (!reader.ok()) return nullptr;
  return std::make_unique<LabelSelectorFilter>(reader.Take());
}

}  // namespace inference::scheduling
