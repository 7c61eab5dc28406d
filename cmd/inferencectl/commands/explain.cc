#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "api/codes.h"
#include "base/text.h"
#include "inferencectl/commands/commands.h"
#include "inferencectl/diagnostic_view.h"
#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"
#include "inferencectl/output/kinds.h"
#include "manifest/schema/explain.h"
#include "manifest/schema/json_schema.h"

namespace inference::ctl {
namespace {

namespace codes = api::codes;
namespace schema = manifest::schema;

constexpr size_t kWidth = 80;
constexpr int kAllLevels = 100;

std::string Indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out += "    " + std::string(text.substr(0, end)) + "\n";
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string CodeText(const codes::CodeInfo& info) {
  std::string out =
      fmt::format("{} {}  ({}{})\n\n{}\n", info.code, info.name, LevelName(info.severity),
                  info.retired ? ", retired" : "", info.title);
  out += fmt::format("\nWHY\n    {}\n", info.why);
  if (!info.bad.empty()) out += "\nINSTEAD OF\n" + Indented(info.bad);
  if (!info.good.empty()) out += "\nWRITE\n" + Indented(info.good);
  return out;
}

Json CodeJson(const codes::CodeInfo& info) {
  Json out = {{"code", info.code},   {"name", info.name}, {"level", LevelName(info.severity)},
              {"title", info.title}, {"why", info.why},   {"retired", info.retired}};
  if (!info.bad.empty()) out["bad"] = info.bad;
  if (!info.good.empty()) out["good"] = info.good;
  return out;
}

Answer ExplainCodes(Invocation& run) {
  if (run.WantsDocument()) {
    Json out = Envelope("DiagnosticCodeList", run.world.clock.WallNow());
    out["items"] = Json::array();
    for (const codes::CodeInfo& info : codes::All()) out["items"].push_back(CodeJson(info));
    run.PrintDocument(out);
    return ExitCode::kOk;
  }
  for (const codes::CodeInfo& info : codes::All()) {
    run.Print(fmt::format("{}  {:7}  {:24}  {}\n", info.code, LevelName(info.severity), info.name,
                          info.title));
  }
  return ExitCode::kOk;
}

bool LooksLikeCode(std::string_view text) {
  return text.size() > 3 && base::EqualsIgnoreCase(text.substr(0, 3), "inf") &&
         std::all_of(text.begin() + 3, text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Answer ExplainCode(Invocation& run, const std::string& topic) {
  std::string code = topic;
  if (LooksLikeCode(topic)) code = "INF" + topic.substr(3);
  const codes::CodeInfo* info = codes::Find(code);
  if (info == nullptr) {
    return Status(Code::kNotFound, "no code '" + base::Printable(topic) +
                                       "'; inferencectl explain codes lists them");
  }
  if (run.WantsDocument()) {
    Json out = Envelope("DiagnosticCode", run.world.clock.WallNow());
    out["item"] = CodeJson(*info);
    run.PrintDocument(out);
  } else {
    run.Print(CodeText(*info));
  }
  return ExitCode::kOk;
}

Result<int> DepthOf(const Invocation& run) {
  if (!run.args.Given("max-depth")) return run.args.Switch("recursive") ? kAllLevels : 1;
  const std::string& text = run.args.Text("max-depth");
  int depth = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
  if (error == std::errc() && end == text.data() + text.size() && depth >= 1) return depth;
  return Status(Code::kInvalidArgument,
                "--max-depth wants a whole number from 1, not \"" + base::Printable(text) + "\"");
}

Answer ExplainKind(Invocation& run, const std::string& topic) {
  const Result<int> depth = DepthOf(run);
  if (!depth.ok()) return {ExitCode::kUsage, depth.status()};
  const size_t dot = std::min(topic.find('.'), topic.size());
  const std::string path = topic.substr(std::min(dot + 1, topic.size()));
  const std::string& version = run.args.Text("api-version");
  const schema::Kind* ours = version.empty() ? output::FindKind(topic.substr(0, dot)) : nullptr;
  const auto kind = ours != nullptr ? Result<const schema::Kind*>(ours)
                                    : schema::KindNamed(topic.substr(0, dot), version);
  if (!kind.ok()) return kind.status();
  const Result<std::string> text = schema::Explain(**kind, path, *depth, kWidth);
  if (!text.ok()) return text.status();
  if (run.WantsDocument()) {
    Json out = Envelope("Explanation", run.world.clock.WallNow());
    out["item"] = {
        {"apiVersion", (*kind)->api_version},
        {"kind", (*kind)->kind},
        {"path", path},
        {"description", path.empty() ? (*kind)->doc : schema::FindField(**kind, path)->doc},
        {"schema", Json::parse(schema::JsonSchemaOf(**kind, path))}};
    run.PrintDocument(out);
  } else {
    run.Print(*text);
  }
  return ExitCode::kOk;
}

}  // namespace

Answer RunExplain(Invocation& run) {
  const std::string& topic = run.args.operands().front();
  if (topic == "codes") return ExplainCodes(run);
  if (LooksLikeCode(topic) || codes::Find(topic) != nullptr) return ExplainCode(run, topic);
  return ExplainKind(run, topic);
}

}  // namespace inference::ctl
