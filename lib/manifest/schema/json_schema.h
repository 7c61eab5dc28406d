#pragma once

#include <string>
#include <string_view>

#include "manifest/schema/schema.h"

namespace inference::manifest::schema {

/// The kind, or its field at `path`, as a JSON Schema (draft 2020-12), indented, for editors and
/// other tools: the same rules as Check, but for those that a JSON Schema can't say.
/// REQUIRES: `path` is empty or FindField finds it.
std::string JsonSchemaOf(const Kind& kind, std::string_view path = {});

/// One schema for all kinds: a document is judged by its apiVersion and kind.
std::string JsonSchemaOfAll();

}  // namespace inference::manifest::schema
