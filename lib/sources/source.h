#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/diagnostic.h"
#include "manifest/reader.h"

namespace inference::sources {

/// What a source has to say. Sources never write the datastore; control takes these and decides.
/// Called on the source's thread; an implementation posts to its own and returns at once.
class Sink {
 public:
  virtual ~Sink() = default;
  /// The manifest files were read again. With errors in `diagnostics`, `set` is not to be used.
  virtual void OnManifests(manifest::ManifestSet set, api::Diagnostics diagnostics) = 0;
  /// The addresses (IP literals, sorted, IPv4 and IPv6) of every name asked for so far; a name that
  /// does not resolve keeps its last addresses, and `errors` says why.
  virtual void OnDns(std::map<std::string, std::vector<std::string>> addresses,
                     std::map<std::string, std::string> errors) = 0;
};

}  // namespace inference::sources
