#include "inferencectl/completion.h"

#include <unistd.h>

#include <algorithm>
#include <set>

#include "api/codes.h"
#include "base/text.h"
#include "inferencectl/daemon_names.h"
#include "inferencectl/output/kinds.h"
#include "inferencectl/topics.h"
#include "manifest/schema/explain.h"
#include "manifest/schema/schema.h"

namespace inference::ctl {
namespace {

namespace schema = manifest::schema;

/// What stands in front of the cursor.
struct Typed {
  const VerbRow* verb = nullptr;
  std::string parent;  // of a verb of two words, while the second is not there
  std::vector<std::string> operands;
  const OptionRow* open = nullptr;  // its argument is the next word
  std::set<std::string_view> given;
  std::string server;
  bool only_operands = false;  // behind "--"
};

const OptionRow* FindLetter(const VerbRow* verb, char letter) {
  for (const OptionRow& option : Options()) {
    const bool takes = verb == nullptr ? option.verbs.empty() : Takes(*verb, option);
    if (option.letter == letter && takes) return &option;
  }
  return nullptr;
}

const OptionRow* FindLong(const VerbRow* verb, std::string_view name) {
  for (const OptionRow& option : Options()) {
    const bool takes = verb == nullptr ? option.verbs.empty() : Takes(*verb, option);
    if (option.name == name && takes) return &option;
  }
  return nullptr;
}

void TakeLong(std::string_view word, Typed& typed) {
  const size_t equals = word.find('=');
  const OptionRow* option = FindLong(typed.verb, word.substr(0, equals));
  if (option == nullptr) return;
  typed.given.insert(option->name);
  if (equals == std::string_view::npos) {
    if (!option->argument.empty() && !IsValueOptional(*option)) typed.open = option;
  } else if (option->name == "server") {
    typed.server = word.substr(equals + 1);
  }
}

void TakeLetters(std::string_view letters, Typed& typed) {
  for (size_t i = 0; i < letters.size(); ++i) {
    const OptionRow* option = FindLetter(typed.verb, letters[i]);
    if (option == nullptr) return;
    typed.given.insert(option->name);
    if (option->argument.empty()) continue;
    if (i + 1 == letters.size()) typed.open = option;
    return;  // the rest of the word is the argument
  }
}

void TakeWord(const std::string& word, Typed& typed) {
  if (typed.open != nullptr) {
    if (typed.open->name == "server") typed.server = word;
    typed.open = nullptr;
  } else if (typed.only_operands) {
    typed.operands.push_back(word);
  } else if (word == "--") {
    typed.only_operands = true;
  } else if (word.size() > 2 && word.starts_with("--")) {
    TakeLong(std::string_view(word).substr(2), typed);
  } else if (word.size() > 1 && word[0] == '-') {
    TakeLetters(std::string_view(word).substr(1), typed);
  } else if (typed.verb != nullptr) {
    // "drain" is a verb, and "drain status" another one.
    const VerbRow* longer =
        typed.operands.empty() ? FindVerb(std::string(typed.verb->name) + " " + word) : nullptr;
    if (longer != nullptr) {
      typed.verb = longer;
    } else {
      typed.operands.push_back(word);
    }
  } else {
    const std::string name = typed.parent.empty() ? word : typed.parent + " " + word;
    typed.verb = FindVerb(name);
    if (typed.verb == nullptr) typed.parent = name;
  }
}

/// The first clause of a description.
std::string Brief(std::string_view doc) {
  doc = doc.substr(0, doc.find_first_of(";,\t\n"));
  doc = doc.substr(0, doc.find(". "));
  if (doc.ends_with('.')) doc.remove_suffix(1);
  return std::string(doc);
}

class Completer {
 public:
  Completer(Typed typed, std::string current, const NameSource& names,
            const Environment& environment)
      : typed_(std::move(typed)),
        current_(std::move(current)),
        names_(names),
        environment_(environment) {}

  Completion Run() {
    const bool dashed =
        !typed_.only_operands && typed_.open == nullptr && current_.starts_with('-');
    const size_t equals = current_.find('=');
    if (typed_.open != nullptr) {
      OptionValues(*typed_.open);
    } else if (dashed && current_.starts_with("--") && equals != std::string::npos) {
      const OptionRow* option = FindLong(typed_.verb, current_.substr(2, equals - 2));
      current_ = current_.substr(equals + 1);
      if (option != nullptr && !option->argument.empty()) OptionValues(*option);
    } else if (dashed) {
      OptionNames();
    } else if (typed_.verb == nullptr) {
      VerbNames(typed_.parent);
    } else {
      Operands();
    }
    return std::move(out_);
  }

 private:
  void Offer(std::string_view value, std::string_view description = {}) {
    if (!value.starts_with(current_) || !seen_.insert(std::string(value)).second) return;
    out_.candidates.push_back({std::string(value), Brief(description)});
  }

  void OptionNames() {
    for (const OptionRow& option : Options()) {
      const bool takes =
          typed_.verb == nullptr ? option.verbs.empty() : Takes(*typed_.verb, option);
      if (!takes || (!option.repeatable && typed_.given.count(option.name) > 0)) continue;
      Offer("--" + std::string(option.name), option.doc);
    }
  }

  void OptionValues(const OptionRow& option) {
    if (option.argument.ends_with("[=FILE]") && current_.find('=') != std::string::npos) {
      out_.bits = kFilesBit;
      return;
    }
    for (std::string_view choice : base::SplitTrimmed(option.choices, '|')) {
      Offer(choice);
      if (choice.ends_with('=') && choice.starts_with(current_)) out_.bits |= kNoSpaceBit;
    }
    Of(option.words);
  }

  void VerbNames(std::string_view parent) {
    for (const VerbRow& verb : Verbs()) {
      const size_t space = verb.name.find(' ');
      if (parent.empty()) {
        Offer(verb.name.substr(0, space), verb.summary);
      } else if (space != std::string_view::npos && verb.name.substr(0, space) == parent) {
        Offer(verb.name.substr(space + 1), verb.summary);
      }
    }
  }

  void Operands() {
    const int limit = typed_.verb->max_operands;
    if (limit >= 0 && static_cast<int>(typed_.operands.size()) >= limit) return;
    if (typed_.operands.empty()) VerbNames(typed_.verb->name);  // second words
    Of(typed_.verb->words);
  }

  void Of(Words words) {
    switch (words) {
      case Words::kNothing:
        return;
      case Words::kFiles:
        out_.bits = kFilesBit;
        return;
      case Words::kServers:
        return Servers();
      case Words::kPools:
      case Words::kEndpoints:
      case Words::kModels:
      case Words::kRules:
      case Words::kRuleTargets:
        return Names(words);
      case Words::kRuleAndWeights:
        return RuleAndWeights();
      case Words::kResourceAndNames:
        return ResourceAndNames();
      case Words::kKinds:
        return Kinds();
      case Words::kExplained:
        return Explained();
      case Words::kTopics:
        return HelpTopics();
      case Words::kShells:
        for (const char* shell : {"bash", "zsh", "fish"}) Offer(shell);
    }
  }

  void Names(Words words) {
    for (const std::string& name : names_(words, typed_.server)) Offer(name);
  }

  void Servers() {
    const std::string usual = UsualServer(environment_);
    const std::string path = usual.substr(std::string_view("unix://").size());
    if (access(path.c_str(), F_OK) == 0) Offer(usual);
  }

  void ResourceAndNames() {
    if (typed_.operands.empty()) {
      const std::string_view usage = typed_.verb->operands;
      for (std::string_view what : base::SplitTrimmed(usage.substr(0, usage.find(' ')), '|')) {
        Offer(what);
      }
      return;
    }
    const std::string_view what = typed_.operands.front();
    if (what.starts_with("pool")) return Names(Words::kPools);
    if (what.starts_with("e")) return Names(Words::kEndpoints);
    // "rewrite/llm/chat:1" is described with the object's other rules.
    const std::string prefix = std::string(what) + "/";
    for (const std::string& rule : names_(Words::kRules, typed_.server)) {
      if (!rule.starts_with(prefix)) continue;
      Offer(std::string_view(rule).substr(prefix.size(), rule.find(':') - prefix.size()));
    }
  }

  void RuleAndWeights() {
    if (typed_.operands.empty()) return Names(Words::kRules);
    const std::string prefix = typed_.operands.front() + " ";
    for (const std::string& target : names_(Words::kRuleTargets, typed_.server)) {
      if (target.starts_with(prefix)) Offer(target.substr(prefix.size()) + "=");
    }
    if (!out_.candidates.empty()) out_.bits |= kNoSpaceBit;
  }

  void Kinds() {
    for (const schema::Kind& kind : schema::Kinds()) Offer(kind.kind, kind.doc);
    for (const schema::Kind& kind : output::Kinds()) Offer(kind.kind, kind.doc);
  }

  void Explained() {
    if (current_.find('.') != std::string::npos) return Fields();
    Kinds();
    if (!out_.candidates.empty()) out_.bits |= kNoSpaceBit;  // a field may follow
    Offer("codes", "all codes of findings");
    for (const api::codes::CodeInfo& info : api::codes::All()) Offer(info.code, info.title);
  }

  void Fields() {
    const size_t first = current_.find('.'), last = current_.rfind('.');
    const auto kind = schema::KindNamed(current_.substr(0, first));
    if (!kind) return;
    std::span<const schema::Field> fields = (*kind)->fields;
    if (last > first) {
      const schema::Field* field =
          schema::FindField(**kind, current_.substr(first + 1, last - first - 1));
      while (field != nullptr && field->items != nullptr) field = field->items;
      if (field == nullptr) return;
      fields = field->fields;
    }
    bool more = false;
    const std::string stem = current_.substr(0, last + 1);
    for (const schema::Field& field : fields) {
      Offer(stem + std::string(field.name), field.doc);
      const schema::Field* inner = &field;
      while (inner->items != nullptr) inner = inner->items;
      more |= !inner->fields.empty() && (stem + std::string(field.name)).starts_with(current_);
    }
    if (more) out_.bits |= kNoSpaceBit;
  }

  void HelpTopics() {
    if (!typed_.operands.empty()) return VerbNames(typed_.operands.front());
    VerbNames("");
    for (const Topic& topic : Topics()) Offer(topic.name, topic.summary);
  }

  const Typed typed_;
  std::string current_;
  const NameSource& names_;
  const Environment& environment_;
  std::set<std::string> seen_;
  Completion out_;
};

}  // namespace

Completion Complete(std::span<const std::string> words, const NameSource& names,
                    const Environment& environment) {
  if (words.empty()) return {};
  Typed typed;
  for (const std::string& word : words.first(words.size() - 1)) TakeWord(word, typed);
  return Completer(std::move(typed), words.back(), names, environment).Run();
}

void PrintCompletions(int count, const char* const* words, World& world) {
  if (count > 0 && std::string_view(words[0]) == "--") {
    --count;
    ++words;
  }
  const std::vector<std::string> typed(words, words + count);
  const NameSource names = [&](Words kind, const std::string& server) {
    return DaemonNames(kind, server, world);
  };
  const Completion completion = Complete(typed, names, world.environment);
  for (const Candidate& candidate : completion.candidates) {
    world.out << candidate.value;
    if (!candidate.description.empty()) world.out << '\t' << candidate.description;
    world.out << '\n';
  }
  world.out << ':' << completion.bits << '\n';
}

}  // namespace inference::ctl
