// Makes the C++ table of diagnostic codes from codes.yaml, at build time: HEADER with a constant
// per code, SOURCE with the rows.
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Row {
  std::string code, name, level, title, why, bad, good, by;
  bool retired = false;
};

std::string Constant(const std::string& name) {
  std::string out = "k";
  bool upper = true;
  for (const char c : name) {
    if (c == '-') {
      upper = true;
    } else {
      out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
      upper = false;
    }
  }
  return out;
}

std::vector<Row> ReadRows(const std::string& path) {
  std::vector<Row> rows;
  std::set<std::string> names;
  for (const YAML::Node& node : YAML::LoadFile(path)) {
    Row row;
    row.code = node["code"].as<std::string>();
    row.name = node["name"].as<std::string>();
    row.level = node["level"].as<std::string>();
    row.title = node["title"].as<std::string>();
    row.why = node["why"].as<std::string>();
    row.bad = node["bad"].as<std::string>("");
    row.good = node["good"].as<std::string>("");
    row.by = node["by"].as<std::string>("");
    row.retired = node["retired"].as<bool>(false);
    for (const auto& field : node) {
      static const std::set<std::string> kKnown{"code", "name", "level", "title",  "why",
                                                "bad",  "good", "by",    "retired"};
      const auto key = field.first.as<std::string>();
      if (!kKnown.contains(key)) throw std::runtime_error(row.code + ": unknown field " + key);
    }
    if (row.level != "error" && row.level != "warning" && row.level != "info") {
      throw std::runtime_error(row.code + ": level is error, warning or info");
    }
    if (!rows.empty() && row.code <= rows.back().code) {
      throw std::runtime_error(row.code + " is not behind " + rows.back().code);
    }
    if (!names.insert(row.name).second) throw std::runtime_error(row.name + " is there twice");
    rows.push_back(std::move(row));
  }
  return rows;
}

void WriteHeader(const std::vector<Row>& rows, std::ostream& out) {
  out << "// Made from codes.yaml.\n#pragma once\n\n#include <string_view>\n\n"
         "namespace inference::api::codes {\n\n";
  for (const Row& row : rows) {
    if (row.retired) continue;
    out << "/// " << row.title << "\ninline constexpr std::string_view " << Constant(row.name)
        << " = \"" << row.code << "\";\n";
  }
  out << "\n}  // namespace inference::api::codes\n";
}

std::string Raw(const std::string& text) {
  return "R\"~(" + text + ")~\"";
}

void WriteSource(const std::vector<Row>& rows, std::ostream& out) {
  out << "// Made from codes.yaml.\n#include \"api/codes.h\"\n\n#include <cstddef>\n\n"
         "namespace inference::api::codes {\n\nextern const CodeInfo kRows[] = {\n";
  for (const Row& row : rows) {
    const char* severity = row.level == "error"     ? "kError"
                           : row.level == "warning" ? "kWarning"
                                                    : "kInfo";
    out << "    {\"" << row.code << "\", \"" << row.name << "\", Severity::" << severity << ", "
        << Raw(row.title) << ", " << Raw(row.why) << ",\n     " << Raw(row.bad) << ", "
        << Raw(row.good) << ", " << Raw(row.by) << ", " << (row.retired ? "true" : "false")
        << "},\n";
  }
  out << "};\nextern const size_t kRowCount = " << rows.size()
      << ";\n\n}  // namespace inference::api::codes\n";
}

// An unchanged header makes nobody compile again.
void WriteIfChanged(const char* path, const std::string& text) {
  std::ifstream before(path);
  if (before && std::string(std::istreambuf_iterator<char>(before), {}) == text) return;
  std::ofstream out(path);
  out << text;
  out.close();
  if (out.fail()) throw std::runtime_error("cannot write");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: make_codes codes.yaml HEADER SOURCE\n");
    return 2;
  }
  try {
    const std::vector<Row> rows = ReadRows(argv[1]);
    std::ostringstream header, source;
    WriteHeader(rows, header);
    WriteSource(rows, source);
    WriteIfChanged(argv[2], header.str());
    WriteIfChanged(argv[3], source.str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[1], e.what());
    return 1;
  }
  return 0;
}
