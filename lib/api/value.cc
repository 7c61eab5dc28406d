#include "api/value.h"

namespace inference::api {

std::string_view Value::TypeName() const {
  switch (data_.index()) {
    case 0:
      return "null";
    case 1:
      return "boolean";
    case 2:
      return "integer";
    case 3:
      return "number";
    case 4:
      return "string";
    case 5:
      return "list";
    default:
      return "map";
  }
}

const Value* Value::Find(std::string_view key) const {
  const Map* map = AsMap();
  if (!map) return nullptr;
  for (const Member& member : *map) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

}  // namespace inference::api
