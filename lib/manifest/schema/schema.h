#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

// The manifest kinds as tables: fields, types, ranges, defaults and what each is for. One table
// serves the check of a manifest, `explain`, the JSON Schema and the order that `fmt` writes. All
// of it is constant data; thread-safe.
namespace inference::manifest::schema {

enum class Type : uint8_t {
  kObject,  // `fields`
  kMap,     // string keys, all values alike: `items`
  kList,    // `items`
  kString,
  kInteger,
  kNumber,
  kBool,
  kDuration,     // "500ms"
  kQuantity,     // "64Mi" or a whole number
  kIntOrString,  // a Service's targetPort: a number or a name
  kAny,
};

/// What a string has to look like, beyond its length. The patterns are those of the CRDs.
enum class Format : uint8_t {
  kNone,
  kGroup,           // an API group, or empty
  kKind,            // a kind's name
  kNamespace,       // an RFC 1123 label
  kDnsSubdomain,    // an object's name
  kLabelKey,        // of a map's keys
  kLabelValue,      //
  kControllerName,  // domain/path
  kIpAddress,       //
  kHostName,        //
};

inline constexpr int64_t kNoMin = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kNoMax = std::numeric_limits<int64_t>::max();

/// For ranges of durations.
constexpr int64_t Nanos(std::chrono::nanoseconds duration) {
  return duration.count();
}

struct Field {
  std::string_view name = {};  // empty for `items`
  Type type = Type::kObject;
  bool required = false;
  /// Range of a number; of a duration in nanoseconds, of a quantity in bytes; length of a string in
  /// code points; number of items or of keys.
  int64_t min = kNoMin, max = kNoMax;
  /// What reports a value out of range, if not INF0107.
  std::string_view range_code = {};
  Format format = Format::kNone;
  std::span<const std::string_view> one_of = {};
  std::string_view def = {};  // the default as YAML; empty: none
  std::string_view doc = {};
  std::span<const Field> fields = {};
  const Field* items = nullptr;
  /// Other fields may stand here, too; nobody judges them. For kinds that we read in part only.
  bool open = false;
  std::string_view since = {};  // release of the Gateway API Inference Extension, "1.4"; empty: all
  std::string_view until = {};  // the last release that had it
  bool immutable = false;       // an API server refuses an update that changes it
};

/// Who does something with objects of a kind.
enum class Use : uint8_t {
  kPicker,     // inferenced acts on it
  kConvert,    // an old form: `convert` makes it into one that is acted on
  kReference,  // read so that references, ports and grace periods can be checked
  kFile,       // a configuration file, not a manifest
};

struct Kind {
  std::string_view api_version;
  std::string_view kind;
  std::string_view plural;
  std::string_view short_name;  // may be empty
  Use use;
  std::string_view doc;
  std::span<const Field> fields;  // beside apiVersion, kind and metadata
  bool has_metadata = true;
  std::string_view removed = {};    // release that no longer has it
  std::string_view successor = {};  // "apiVersion Kind" to use instead
};

/// All kinds, the current version of each kind's name first.
std::span<const Kind> Kinds();
/// Null when there is no such kind.
const Kind* FindKind(std::string_view api_version, std::string_view kind);
/// The group of an apiVersion: "apps/v1" is "apps", "v1" is "".
std::string_view GroupOf(std::string_view api_version);

/// A dotted path such as "spec.targetPorts.number"; "[]" and "{}" of lists and maps may be left
/// out. Null when there is no such field. `path` empty: null as well.
const Field* FindField(const Kind& kind, std::string_view path);

/// "string", "list of objects" ...
std::string TypeName(const Field& field);

// The tables, by who wrote the API; kinds.cc puts them together.
std::span<const Kind> InferenceKinds();
std::span<const Kind> OlderInferenceKinds();
std::span<const Kind> GatewayKinds();
std::span<const Kind> WorkloadKinds();
std::span<const Kind> OurKinds();
std::span<const Kind> ConfigurationKinds();
std::span<const Kind> CommandLineKinds();
std::span<const Kind> TestKinds();

}  // namespace inference::manifest::schema
