// Makes the C++ table of diagnostic codes from codes.yaml, at build time: HEADER with a constant
// per code, SOURCE with the rows; and PAGE, the manual page inferencectl-codes(7).
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

// --- the manual page, in mdoc ---

// Escapes what roff would take for its own.
std::string Roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    out += c == '\\' ? std::string("\\e") : std::string(1, c);
    line_start = c == '\n';
  }
  return out;
}

// A line per sentence, and none longer than 80 characters, as mdoc wants it.
std::string Sentences(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  size_t start = 0, space = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ' ' && text[i] != '\n') {
      if (i - start >= 79 && space > start) {
        text[space] = '\n';
        start = space + 1;
      }
      continue;
    }
    const bool ends = i > 0 && text[i - 1] == '.' && i + 1 < text.size() &&
                      std::isupper(static_cast<unsigned char>(text[i + 1]));
    if (ends) text[i] = '\n';
    if (text[i] == '\n') start = i + 1;
    space = i;
  }
  return Roff(text) + "\n";
}

void WriteExample(const char* title, const std::string& text, std::ostream& out) {
  if (text.empty()) return;
  out << ".Pp\n" << title << ":\n.Bd -literal -offset indent -compact\n" << Roff(text) << ".Ed\n";
}

void WritePage(const std::vector<Row>& rows, std::ostream& out) {
  out << ".Dd January 1, 2026\n.Dt INFERENCECTL-CODES 7\n.Os\n.Sh NAME\n.Nm inferencectl-codes\n"
         ".Nd what the findings of inferencectl and inferenced mean\n.Sh DESCRIPTION\n"
         "Every finding about a manifest or a configuration has a code.\n"
         "It never gets another meaning.\nWherever a code is taken, its name is too.\n"
         ".Cm inferencectl explain Ar code\nsays the same as this page.\n.Bl -tag -width Ds\n";
  for (const Row& row : rows) {
    out << ".It " << row.code << " Pq " << row.name << ", " << (row.retired ? "retired" : row.level)
        << "\n"
        << Sentences(static_cast<char>(std::toupper(static_cast<unsigned char>(row.title[0]))) +
                     row.title.substr(1) + ".")
        << Sentences(row.why);
    if (!row.by.empty()) out << Sentences("Reported by " + row.by + ".");
    WriteExample("Wrong", row.bad, out);
    WriteExample("Right", row.good, out);
  }
  out << ".El\n.Sh SEE ALSO\n.Xr inferencectl 1 ,\n.Xr inferenced 8\n";
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
  if (argc != 5) {
    std::fprintf(stderr, "usage: make_codes codes.yaml HEADER SOURCE PAGE\n");
    return 2;
  }
  try {
    const std::vector<Row> rows = ReadRows(argv[1]);
    std::ostringstream header, source, page;
    WriteHeader(rows, header);
    WriteSource(rows, source);
    WritePage(rows, page);
    WriteIfChanged(argv[2], header.str());
    WriteIfChanged(argv[3], source.str());
    WriteIfChanged(argv[4], page.str());
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", argv[1], e.what());
    return 1;
  }
  return 0;
}
