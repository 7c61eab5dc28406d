#include "inferencectl/validation/inputs.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/text.h"
#include "inferencectl/validation/git.h"
#include "manifest/reader.h"

namespace inference::ctl {
namespace {

namespace fs = std::filesystem;
using manifest::lint::SourceText;

SourceText ReadStdin(std::istream& in) {
  const manifest::Limits limits;
  SourceText source{std::string(kStdin), ""};
  char buffer[65536];
  while (in.read(buffer, sizeof buffer) || in.gcount() > 0) {
    source.text.append(buffer, static_cast<size_t>(in.gcount()));
    if (source.text.size() > limits.max_bytes) {
      source.text.clear();
      source.status = {Code::kResourceExhausted,
                       fmt::format("{}: larger than {} bytes; split it", kStdin, limits.max_bytes)};
      break;
    }
  }
  return source;
}

bool IsGlob(const std::string& path) {
  std::error_code error;
  return !fs::exists(path, error) && path.find_first_of("*?[") != std::string::npos;
}

// The part of a path that has no pattern in it.
std::string FolderOf(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return path;
  fs::path folder = fs::path(path.substr(0, path.find_first_of("*?["))).parent_path();
  // It may be younger than the commit, or gone since.
  while (!folder.empty() && !fs::is_directory(folder, error)) folder = folder.parent_path();
  return folder.empty() ? "." : folder.string();
}

Result<std::string> Canonical(const std::string& path) {
  std::error_code error;
  const fs::path found = fs::weakly_canonical(fs::absolute(path, error), error);
  if (error)
    return Status(Code::kInvalidArgument, base::Printable(path, 400) + ": " + error.message());
  std::string text = found.string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// As manifest::ExpandPaths chooses in a folder.
bool IsManifest(std::string_view below_folder) {
  if (below_folder.starts_with('.') || below_folder.find("/.") != std::string_view::npos) {
    return false;
  }
  return below_folder.ends_with(".yaml") || below_folder.ends_with(".yml") ||
         below_folder.ends_with(".json");
}

/// The working trees of the files given; usually one.
class Trees {
 public:
  Result<const GitTree*> Around(const std::string& folder) {
    const auto known = trees_.find(folder);
    if (known != trees_.end()) return &known->second;
    auto tree = GitTree::Around(folder);
    if (!tree) return tree.status();
    return &trees_.emplace(folder, std::move(*tree)).first->second;
  }

 private:
  std::map<std::string, GitTree> trees_;
};

Status AddFilesAt(const std::string& path, const std::string& ref, Trees& trees,
                  std::vector<SourceText>& out) {
  const auto tree = trees.Around(FolderOf(path));
  if (!tree) return tree.status();
  const auto commit = (*tree)->Commit(ref);
  if (!commit) return commit.status();
  const bool glob = IsGlob(path);
  const std::string named = glob ? FolderOf(path) : path;
  const auto root = Canonical(named);
  if (!root) return root.status();
  auto files = (*tree)->FilesAt(*commit, *root);
  if (!files) return files.status();
  std::vector<std::string> chosen, names;
  for (const std::string& file : *files) {
    if (file == *root) {
      chosen.push_back(file);
      names.push_back(path);
      continue;
    }
    const std::string below = file.substr(root->size() + 1);
    const std::string name =
        (named == "." && glob ? "" : named + (named.ends_with('/') ? "" : "/")) + below;
    const bool wanted = glob ? fnmatch(path.c_str(), name.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0
                             : IsManifest(below);
    if (!wanted) continue;
    chosen.push_back(file);
    names.push_back(name);
  }
  auto texts = (*tree)->ReadAt(*commit, chosen);
  if (!texts) return texts.status();
  for (size_t i = 0; i < names.size(); ++i) {
    out.push_back({std::move(names[i]), std::move((*texts)[i])});
  }
  return Status::Ok();
}

}  // namespace

std::vector<std::string> PathsOf(const Arguments& args) {
  std::vector<std::string> paths = args.List("filename");
  paths.insert(paths.end(), args.operands().begin(), args.operands().end());
  return paths;
}

std::vector<SourceText> ReadInputs(const std::vector<std::string>& paths, std::istream& in) {
  std::vector<SourceText> sources;
  std::set<std::string> seen;
  for (const std::string& path : paths) {
    if (path == "-") {
      if (seen.insert(path).second) sources.push_back(ReadStdin(in));
      continue;
    }
    const auto files = manifest::ExpandPaths({path}, "", manifest::Folders::kRecursive);
    if (!files) {
      sources.push_back({path, "", files.status()});
      continue;
    }
    for (const std::string& file : *files) {
      if (!seen.insert(file).second) continue;
      auto text = manifest::ReadFile(file);
      sources.push_back(text ? SourceText{file, std::move(*text)}
                             : SourceText{file, "", text.status()});
    }
  }
  return sources;
}

Status AllReadable(const std::vector<SourceText>& sources) {
  for (const SourceText& source : sources) {
    if (!source.status.ok()) return {Code::kInvalidArgument, source.status.message()};
  }
  return Status::Ok();
}

Result<std::vector<SourceText>> ReadInputsAt(const std::vector<std::string>& paths,
                                             const std::string& ref) {
  std::vector<SourceText> sources;
  Trees trees;
  for (const std::string& path : paths) {
    if (path == "-") continue;
    if (Status status = AddFilesAt(path, ref, trees, sources); !status.ok()) return status;
  }
  std::set<std::string> seen;
  std::erase_if(sources, [&](const SourceText& s) { return !seen.insert(s.path).second; });
  return sources;
}

Result<std::vector<std::string>> ChangedSince(const std::vector<SourceText>& files,
                                              const std::string& ref) {
  Trees trees;
  std::map<std::string, std::set<std::string>> changed;  // by top
  std::vector<std::string> out;
  for (const SourceText& file : files) {
    if (file.path == kStdin) {
      out.push_back(file.path);
      continue;
    }
    const auto tree = trees.Around(FolderOf(file.path));
    if (!tree) return tree.status();
    const auto [it, inserted] = changed.try_emplace((*tree)->top());
    if (inserted) {
      auto names = (*tree)->ChangedSince(ref);
      if (!names) return names.status();
      it->second.insert(names->begin(), names->end());
    }
    const auto path = Canonical(file.path);
    if (!path) return path.status();
    if (it->second.contains(*path)) out.push_back(file.path);
  }
  return out;
}

}  // namespace inference::ctl
