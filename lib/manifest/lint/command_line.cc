#include "manifest/lint/command_line.h"

#include <algorithm>

namespace inference::manifest::lint {

std::vector<Word> SplitWords(const Node& text) {
  std::vector<Word> words;
  size_t begin = 0;
  while ((begin = text.text.find_first_not_of(" \t\n\\", begin)) != std::string::npos) {
    const size_t end = std::min(text.text.find_first_of(" \t\n\\", begin), text.text.size());
    words.emplace_back(text.text.substr(begin, end - begin), &text);
    begin = end;
  }
  return words;
}

std::vector<Word> WordsOf(const Node& container) {
  std::vector<Word> words;
  for (const char* list : {"command", "args"}) {
    for (const Node& item : ItemsAt(container, list)) {
      const std::vector<Word> more = SplitWords(item);
      words.insert(words.end(), more.begin(), more.end());
    }
  }
  return words;
}

std::optional<Word> FlagOf(const Node& container, const std::string& name) {
  const auto words = WordsOf(container);
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& [word, at] = words[i];
    for (const std::string& flag : {"--" + name, "-" + name}) {
      if (word == flag) {
        return i + 1 < words.size() ? words[i + 1] : Word(std::string(), at);
      }
      if (word.starts_with(flag + "=")) return Word(word.substr(flag.size() + 1), at);
    }
  }
  return std::nullopt;
}

std::optional<Word> PoolNameOf(const Node& container) {
  const auto name = FlagOf(container, "pool-name");
  return name ? name : FlagOf(container, "poolName");
}

bool RunsPicker(const Object& workload) {
  const auto pods = PodTemplatesOf(workload);
  return std::any_of(pods.begin(), pods.end(), [](const Node* each) {
    const auto& containers = ItemsAt(*each, "spec.containers");
    return std::any_of(containers.begin(), containers.end(),
                       [](const Node& container) { return PoolNameOf(container).has_value(); });
  });
}

bool IsVllm(const Node& container) {
  if (TextAt(container, "image").find("vllm") != std::string_view::npos) return true;
  const auto words = WordsOf(container);
  return std::any_of(words.begin(), words.end(), [](const auto& word) {
    return word.first == "vllm" || word.first.starts_with("vllm.entrypoints");
  });
}

}  // namespace inference::manifest::lint
