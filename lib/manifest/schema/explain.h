#pragma once

#include <string>
#include <string_view>

#include "inference/result.h"
#include "manifest/schema/schema.h"

namespace inference::manifest::schema {

/// A kind by its name, plural or short name in any case, optionally with its version behind a dot
/// or its apiVersion given. The current version of the kind first. NOT_FOUND with the nearest name.
Result<const Kind*> KindNamed(std::string_view name, std::string_view api_version = {});

/// What a kind or one of its fields ("spec.targetPorts.number") is, for people, wrapped at `width`
/// columns. `depth`: levels of fields below that are listed. NOT_FOUND names the nearest field.
Result<std::string> Explain(const Kind& kind, std::string_view path, int depth, size_t width);

}  // namespace inference::manifest::schema
