#pragma once

#include <cstdint>
#include <string>

#include "inference/result.h"

// Users and groups of the system, as a Unix socket's peers and owners have them.
namespace inference::net {

/// A name, or a number that need not be known. NOT_FOUND names what there isn't.
Result<uint32_t> UserId(const std::string& name);
Result<uint32_t> GroupId(const std::string& name);

/// "alice (uid 1000)", or "uid 1000" when nobody has it.
std::string UserName(uint32_t uid);

}  // namespace inference::net
