#pragma once

#include <string>
#include <string_view>

namespace inference::manifest {

/// Why `text` is no address to listen on, or empty when it is one: "unix:///absolute/path",
/// "host:port", "[v6]:port", ":port". Port 0 asks the kernel for one.
std::string ListenAddressProblem(std::string_view text);
bool IsUnixAddress(std::string_view text);

}  // namespace inference::manifest
