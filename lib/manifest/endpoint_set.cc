#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>
#include <map>

#include "api/codes.h"
#include "api/text_values.h"
#include "base/text.h"
#include "manifest/kinds.h"

// EndpointSet, inferenced.dev/v1alpha1.
namespace inference::manifest {
namespace {

namespace codes = api::codes;

constexpr size_t kMaxEndpoints = 10'000;
constexpr size_t kMaxPorts = 64;

// The address in its canonical spelling, or empty.
std::string CanonicalIp(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), bytes.data()) == 1) {
      return inet_ntop(family, bytes.data(), out.data(), out.size());
    }
  }
  return "";
}

// Then it can only be an IPv4 address: RFC 1123, section 2.1.
bool IsNumeric(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool IsHostName(std::string_view text) {
  if (IsNumeric(text)) return false;
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    for (const char c : label) {
      const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!good) return false;
    }
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

void ReadAddress(const Node& node, const std::string& path, std::string& address,
                 api::Diagnostics& out) {
  const std::optional<std::string> text = ReadString(node, path, out);
  if (!text) return;
  address = CanonicalIp(*text);
  if (address.empty()) {
    Report(out, codes::kBadValue, node.at,
           fmt::format("{} '{}' is not an IP address", path, base::Printable(*text, 80)),
           IsHostName(*text)  ? "write host names as dns: " + *text
           : IsNumeric(*text) ? "it is neither an IPv4 address (four numbers of 0 to 255) nor a "
                                "DNS name (the last part of one is no number)"
                              : "ports go into ports:, IPv6 has no brackets here");
  } else if (address == "0.0.0.0" || address == "::") {
    Report(out, codes::kBadValue, node.at,
           fmt::format("{} {} is no address that can be called", path, address));
  }
}

api::EndpointSet::Endpoint ReadEndpoint(const Node& node, const std::string& path,
                                        api::Diagnostics& out) {
  api::EndpointSet::Endpoint endpoint;
  endpoint.origin = node.at;
  MapReader map(node, path, out);
  if (!map.ok()) return endpoint;
  if (const Node* name = map.Need("name")) {
    const std::optional<std::string> text = ReadString(*name, map.Path("name"), out);
    if (text && !api::IsDnsSubdomain(*text)) {
      Report(out, codes::kBadName, name->at,
             fmt::format("{} '{}' is not a DNS name", map.Path("name"), base::Printable(*text, 80)),
             "at most 253 of a-z, 0-9, '-' and '.', a letter or digit at both ends");
    }
    endpoint.name = text.value_or("");
  }
  const Node* address = map.Find("address");
  const Node* dns = map.Find("dns");
  if (address) ReadAddress(*address, map.Path("address"), endpoint.address, out);
  if (dns) {
    endpoint.dns = ReadString(*dns, map.Path("dns"), out).value_or("");
    const bool is_string = dns->kind == Node::Kind::kScalar && TypeOf(*dns) == ScalarType::kString;
    if (is_string && !CanonicalIp(endpoint.dns).empty()) {
      Report(out, codes::kBadName, dns->at,
             fmt::format("{} '{}' is an IP address", map.Path("dns"), endpoint.dns),
             "write it as address: " + endpoint.dns);
    } else if (is_string && !IsHostName(endpoint.dns)) {
      Report(out, codes::kBadName, dns->at,
             fmt::format("{} '{}' is not a host name", map.Path("dns"),
                         base::Printable(endpoint.dns, 80)),
             IsNumeric(endpoint.dns) ? "the last part of a DNS name is no number" : "");
    }
  }
  map.NeedOneOf({"address", "dns"}, fmt::format("{} needs an address or a dns name", path));
  if (address && dns) {
    Report(out, codes::kBadValue, map.KeyOrigin("dns"),
           fmt::format("{} has both address and dns", path), "keep one of them");
  }
  if (const Node* ports = map.Find("ports")) {
    if (const auto* items = ReadList(*ports, map.Path("ports"), 1, kMaxPorts, out)) {
      endpoint.ports = ReadPorts(*items, map.Path("ports"), /*wrapped=*/false, out);
    }
  }
  if (const Node* labels = map.Find("labels")) {
    endpoint.labels = ReadLabels(*labels, map.Path("labels"), 0, 1024, out);
  }
  if (const Node* annotations = map.Find("annotations")) {
    endpoint.annotations = ReadAnnotations(*annotations, map.Path("annotations"), out);
  }
  map.Done();
  return endpoint;
}

}  // namespace

api::EndpointSet ReadEndpointSet(const Node& document, api::Diagnostics& out) {
  api::EndpointSet set;
  MapReader map(document, "", out);
  set.meta = ReadObjectMeta(map);
  map.Ignore({"apiVersion", "kind"});
  const Node* spec_node = map.Need("spec");
  map.Done();
  if (!spec_node) return set;
  MapReader spec(*spec_node, "spec", out);
  if (!spec.ok()) return set;
  const Node* list = spec.Need("endpoints");
  spec.Done();
  const auto* items = list ? ReadList(*list, "spec.endpoints", 0, kMaxEndpoints, out) : nullptr;
  if (!items) return set;
  std::map<std::string, api::Origin, std::less<>> names;
  for (size_t i = 0; i < items->size(); ++i) {
    api::EndpointSet::Endpoint endpoint =
        ReadEndpoint((*items)[i], fmt::format("spec.endpoints[{}]", i), out);
    if (!endpoint.name.empty()) {
      const auto [it, inserted] = names.emplace(endpoint.name, endpoint.origin);
      if (!inserted) {
        Report(out, codes::kDuplicateItem, endpoint.origin,
               fmt::format("two endpoints are called '{}'", base::Printable(endpoint.name, 80)),
               "the first one is at " + it->second.ToString());
      }
    }
    set.endpoints.push_back(std::move(endpoint));
  }
  return set;
}

}  // namespace inference::manifest
