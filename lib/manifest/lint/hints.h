#pragma once

#include <string>

#include "api/origin.h"
#include "manifest/document.h"
#include "manifest/schema/schema.h"

namespace inference::manifest::lint {

/// What to do about a field of `document` that its kind doesn't have and that is no misspelling: it
/// stands a level too high or too low, or is another version's. Empty: nobody can tell. `key`: the
/// place of the field's name.
std::string UnknownFieldNote(const Node& document, const schema::Kind& kind,
                             const api::Origin& key);

/// How to write what stands there as a mere value where its kind wants a map or a list; empty when
/// that can't be told. `value`: its place.
std::string WrongShapeNote(const Node& document, const schema::Kind& kind,
                           const api::Origin& value);

}  // namespace inference::manifest::lint
