#pragma once

#include <string>

#include "manifest/schema/schema.h"

namespace inference::manifest::schema {

/// The kind as a JSON Schema (draft 2020-12), indented, for editors and other tools: the same rules
/// as Check, but for those that a JSON Schema can't say.
std::string JsonSchemaOf(const Kind& kind);

/// One schema for all kinds: a document is judged by its apiVersion and kind.
std::string JsonSchemaOfAll();

}  // namespace inference::manifest::schema
