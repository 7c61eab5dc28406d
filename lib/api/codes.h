#pragma once

#include <span>
#include <string_view>

// The diagnostic codes, in one place. A code is never reused for another meaning.
// INF00xx: the text itself. INF01xx: one object. INF02xx: objects together. INF03xx: plugins.
// INF07xx: what a user says about an engine's metrics.
namespace inference::api::codes {

inline constexpr std::string_view kUnreadable = "INF0001";
inline constexpr std::string_view kSyntax = "INF0002";
inline constexpr std::string_view kEncoding = "INF0003";
inline constexpr std::string_view kLimit = "INF0004";
inline constexpr std::string_view kDuplicateKey = "INF0005";
inline constexpr std::string_view kUnsupportedYaml = "INF0006";
inline constexpr std::string_view kEmptyFile = "INF0007";

inline constexpr std::string_view kUnknownKind = "INF0101";
inline constexpr std::string_view kKindNotActedOn = "INF0102";
inline constexpr std::string_view kUnknownField = "INF0103";
inline constexpr std::string_view kWrongType = "INF0104";
inline constexpr std::string_view kMissing = "INF0105";
inline constexpr std::string_view kOutOfRange = "INF0106";
inline constexpr std::string_view kBadName = "INF0107";
inline constexpr std::string_view kBadLabel = "INF0108";
inline constexpr std::string_view kBadValue = "INF0109";
inline constexpr std::string_view kFieldNotActedOn = "INF0110";
inline constexpr std::string_view kDuplicateItem = "INF0111";
inline constexpr std::string_view kPortRequired = "INF0112";
inline constexpr std::string_view kBehavesDifferently = "INF0113";
inline constexpr std::string_view kDeprecated = "INF0114";
inline constexpr std::string_view kWrongDocumentCount = "INF0115";

inline constexpr std::string_view kDuplicateObject = "INF0201";
inline constexpr std::string_view kSharedAddress = "INF0202";
inline constexpr std::string_view kSelectsNothing = "INF0203";
inline constexpr std::string_view kUnselected = "INF0204";
inline constexpr std::string_view kUnknownPool = "INF0205";
inline constexpr std::string_view kNeedsRestart = "INF0206";
inline constexpr std::string_view kUnresolved = "INF0207";
inline constexpr std::string_view kNoPool = "INF0208";

inline constexpr std::string_view kUnknownPlugin = "INF0301";
inline constexpr std::string_view kPluginNotAvailable = "INF0302";
inline constexpr std::string_view kUnknownParameter = "INF0303";
inline constexpr std::string_view kParameterType = "INF0304";
inline constexpr std::string_view kParameterRange = "INF0305";
inline constexpr std::string_view kParameterMissing = "INF0306";
inline constexpr std::string_view kPluginReference = "INF0307";
inline constexpr std::string_view kPluginCombination = "INF0308";
inline constexpr std::string_view kPluginWithoutEffect = "INF0309";

inline constexpr std::string_view kBadEngine = "INF0701";
inline constexpr std::string_view kBadMetric = "INF0702";
inline constexpr std::string_view kEngineName = "INF0703";

struct CodeInfo {
  std::string_view code;
  std::string_view name;   // kebab-case, for people and links
  std::string_view title;  // one line
};

/// Every code, sorted. Constant data; thread-safe.
std::span<const CodeInfo> All();
/// Null when there is no such code.
const CodeInfo* Find(std::string_view code);

}  // namespace inference::api::codes
