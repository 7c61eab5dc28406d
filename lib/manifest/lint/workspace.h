#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "api/diagnostic.h"
#include "inference/status.h"
#include "manifest/document.h"
#include "manifest/reader.h"
#include "manifest/schema/schema.h"

namespace inference::manifest::lint {

/// A file as it was given.
struct SourceText {
  std::string path;  // what diagnostics show
  std::string text;
  /// Not OK: the file could not be read; why. RESOURCE_EXHAUSTED: it is too large.
  Status status = Status::Ok();
};

/// A file that was read. Its documents stay where they are as long as the workspace lives.
struct SourceFile {
  std::string path;
  std::string text;
  std::vector<Node> documents;
  std::list<Node> embedded;  // documents in texts of its documents (embedded.h)
  bool unusable = false;     // unreadable, or a syntax error: what is behind it was not judged
};
// Nodes are pointed to: a vector of these must not copy them when it grows.
static_assert(std::is_nothrow_move_constructible_v<SourceFile>);

/// One object of a known kind.
struct Object {
  const schema::Kind* kind = nullptr;
  const Node* node = nullptr;  // the whole object
  std::string ns, name;        // ns is "default" when none is written; a configuration has neither
  size_t file = 0;             // index of its SourceFile
  int document = 0;            // index in the file, from 0
  bool sound = true;           // nothing is wrong with it alone: rules may rely on its fields
  bool embedded = false;       // in a text of the object in front of it

  /// "llm/qwen3"
  std::string key() const { return ns + "/" + name; }
  /// "InferencePool llm/qwen3"; a configuration has its kind alone.
  std::string Title() const {
    return std::string(kind->kind) + (kind->has_metadata ? " " + key() : "");
  }
};

/// All that was given, read once. Rules look things up here.
class Workspace {
 public:
  Workspace(std::vector<SourceFile> files, std::vector<Object> objects);
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  const std::vector<SourceFile>& files() const { return files_; }
  const std::vector<Object>& objects() const { return objects_; }

  /// Sound objects of that kind in any version or group, in the order of the input.
  const std::vector<const Object*>& OfKind(std::string_view kind) const;
  /// The same in one namespace.
  const std::vector<const Object*>& OfKind(std::string_view kind, std::string_view ns) const;
  /// Sound workloads of a namespace (PodTemplatesOf isn't empty).
  const std::vector<const Object*>& Workloads(std::string_view ns) const;
  /// The first object of that name, sound or not; null when there is none. `group` "*": any.
  const Object* Find(std::string_view group, std::string_view kind, std::string_view ns,
                     std::string_view name) const;

 private:
  std::vector<SourceFile> files_;
  std::vector<Object> objects_;

  // Views into objects_.
  using Name = std::tuple<std::string_view, std::string_view, std::string_view>;  // kind, ns, name
  using Scope = std::pair<std::string_view, std::string_view>;                    // kind, ns
  std::map<std::string_view, std::vector<const Object*>> by_kind_, workloads_;
  std::map<Scope, std::vector<const Object*>> by_scope_;
  std::map<Name, std::vector<const Object*>> by_name_;  // not sound ones too
};

/// The pod templates of a workload (a pod is its own); empty for other kinds.
std::vector<const Node*> PodTemplatesOf(const Object& object);
/// Is it the head of a Helm chart (Chart.yaml), which has an apiVersion and no kind?
bool IsHelmChart(const Node& document);
/// Is it Prometheus' own file of rules, or a dashboard? They have neither apiVersion nor kind.
bool IsMonitoringFile(const Node& document);
/// Does an object with these labels have all that `selector` asks for? Not when it asks for
/// nothing.
bool Matches(const std::map<std::string, std::string, std::less<>>& selector,
             const std::map<std::string, std::string, std::less<>>& labels);
/// How a pool of any version names its picker; null when it doesn't.
const Node* PickerRefOf(const Object& pool);
/// What a pool of any version selects by.
std::map<std::string, std::string, std::less<>> SelectorOf(const Object& pool);

// --- reading fields of a document; a field that is null counts as left out ---

/// The value at a dotted path below `node` ("spec.selector.matchLabels"), or null. List items are
/// not addressed: iterate over `items`.
const Node* At(const Node& node, std::string_view path);
/// The text of the scalar there, or `fallback`.
std::string_view TextAt(const Node& node, std::string_view path, std::string_view fallback = {});
/// The whole number there, or `fallback`.
int64_t IntAt(const Node& node, std::string_view path, int64_t fallback);
/// The items of the list there; empty when there is none.
const std::vector<Node>& ItemsAt(const Node& node, std::string_view path);
/// A map of strings, such as labels; other values are left out.
std::map<std::string, std::string, std::less<>> MapAt(const Node& node, std::string_view path);

}  // namespace inference::manifest::lint
