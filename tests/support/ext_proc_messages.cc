#include "support/ext_proc_messages.h"

#include <stdexcept>

namespace inference::test {
namespace {

std::string Varint(uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
  return out;
}

std::string TextValue(std::string_view text) {
  return BytesField(3, text);
}

std::string Entry(std::string_view key, std::string_view value) {
  return BytesField(1, BytesField(1, key) + BytesField(2, value));
}

uint64_t TakeVarint(std::string_view& in) {
  uint64_t value = 0;
  for (int shift = 0; !in.empty() && shift < 64; shift += 7) {
    const uint8_t byte = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw std::runtime_error("bad varint");
}

/// Calls visit(field, varint, bytes) for every field.
template <typename Visit>
void ForEach(std::string_view in, Visit&& visit) {
  while (!in.empty()) {
    const uint64_t tag = TakeVarint(in);
    if ((tag & 7) != 0 && (tag & 7) != 2) throw std::runtime_error("a wire type we never send");
    uint64_t number = TakeVarint(in);
    std::string bytes;
    if ((tag & 7) == 2) {
      if (number > in.size()) throw std::runtime_error("bad length");
      bytes = in.substr(0, number);
      in.remove_prefix(number);
    }
    visit(static_cast<uint32_t>(tag >> 3), number, bytes);
  }
}

[[noreturn]] void Unexpected(const char* where) {
  throw std::runtime_error(std::string("unexpected field in ") + where);
}

void DecodeMutation(std::string_view bytes, ResponseMessage& out) {
  ForEach(bytes, [&](uint32_t field, uint64_t, const std::string& value) {
    if (field == 2) {
      out.remove.push_back(value);
      return;
    }
    if (field != 1) Unexpected("HeaderMutation");
    ForEach(value, [&](uint32_t option, uint64_t, const std::string& header) {
      if (option != 1) Unexpected("HeaderValueOption");
      std::pair<std::string, std::string> pair;
      ForEach(header, [&](uint32_t part, uint64_t, const std::string& text) {
        if (part == 1) {
          pair.first = text;
        } else if (part == 3) {
          pair.second = text;
        } else {
          Unexpected("HeaderValue: only raw_value is understood");
        }
      });
      out.set.push_back(pair);
    });
  });
}

void DecodeBodyMutation(std::string_view bytes, ResponseMessage& out) {
  ForEach(bytes, [&](uint32_t field, uint64_t, const std::string& value) {
    if (field == 1) {
      out.replaces_body = true;
      out.body = value;
    } else if (field == 3) {
      out.streamed = true;
      ForEach(value, [&](uint32_t part, uint64_t flag, const std::string& body) {
        if (part == 1) out.body = body;
        if (part == 2) out.end_of_stream = flag != 0;
        if (part > 2) Unexpected("StreamedBodyResponse");
      });
    } else {
      Unexpected("BodyMutation");
    }
  });
}

void DecodeCommon(std::string_view bytes, ResponseMessage& out) {
  ForEach(bytes, [&](uint32_t wrapper, uint64_t, const std::string& common) {
    if (wrapper != 1) Unexpected("HeadersResponse or BodyResponse");
    ForEach(common, [&](uint32_t field, uint64_t flag, const std::string& value) {
      if (field == 2) {
        DecodeMutation(value, out);
      } else if (field == 3) {
        DecodeBodyMutation(value, out);
      } else if (field == 5) {
        out.clear_route_cache = flag != 0;
      } else {
        Unexpected("CommonResponse");
      }
    });
  });
}

void DecodeImmediate(std::string_view bytes, ResponseMessage& out) {
  ForEach(bytes, [&](uint32_t field, uint64_t, const std::string& value) {
    switch (field) {
      case 1:
        ForEach(value, [&](uint32_t, uint64_t code, const std::string&) {
          out.status = static_cast<int>(code);
        });
        break;
      case 2:
        DecodeMutation(value, out);
        break;
      case 3:
        out.body = value;
        break;
      case 5:
        out.details = value;
        break;
      default:
        Unexpected("ImmediateResponse");
    }
  });
}

void DecodeMetadata(std::string_view bytes, ResponseMessage& out) {
  const auto entry = [](std::string_view fields, std::string_view key) {
    std::string found;
    ForEach(fields, [&](uint32_t, uint64_t, const std::string& pair) {
      std::string name;
      std::string value;
      ForEach(pair, [&](uint32_t part, uint64_t, const std::string& text) {
        (part == 1 ? name : value) = text;
      });
      if (name == key) found = value;
    });
    return found;
  };
  std::string inner;
  ForEach(entry(bytes, "envoy.lb"), [&](uint32_t field, uint64_t, const std::string& value) {
    if (field == 5) inner = value;
  });
  ForEach(entry(inner, "x-gateway-destination-endpoint"),
          [&](uint32_t field, uint64_t, const std::string& value) {
            if (field == 3) out.metadata_destination = value;
          });
}

ResponseMessage DecodeResponse(std::string_view bytes) {
  ResponseMessage out;
  ForEach(bytes, [&](uint32_t field, uint64_t, const std::string& value) {
    if (field == 8) return DecodeMetadata(value, out);
    if (out.kind != 0) Unexpected("ProcessingResponse: two kinds");
    out.kind = static_cast<int>(field);
    if (field >= 1 && field <= 4) return DecodeCommon(value, out);
    if (field == 7) return DecodeImmediate(value, out);
    if (field == 10) {
      ForEach(value, [&](uint32_t part, uint64_t number, const std::string&) {
        if (part == 1) out.timeout_seconds = static_cast<int>(number);
      });
    } else if (field > 7) {
      Unexpected("ProcessingResponse");
    }
  });
  return out;
}

}  // namespace

std::string VarintField(uint32_t field, uint64_t value) {
  return Varint(field << 3) + Varint(value);
}

std::string BytesField(uint32_t field, std::string_view bytes) {
  return Varint(field << 3 | 2) + Varint(bytes.size()) + std::string(bytes);
}

std::string Encode(const RequestMessage& message) {
  std::string inner;
  if (message.kind == 2 || message.kind == 3 || message.kind == 6 || message.kind == 7) {
    std::string map;
    for (const auto& [name, value] : message.headers) {
      map += BytesField(1, BytesField(1, name) + BytesField(3, value));
    }
    if (!map.empty()) inner += BytesField(1, map);
    if (message.end_of_stream) inner += VarintField(3, 1);
  } else {
    if (!message.body.empty()) inner += BytesField(1, message.body);
    if (message.end_of_stream) inner += VarintField(2, 1);
  }
  std::string out = message.kind != 0 ? BytesField(static_cast<uint32_t>(message.kind), inner) : "";
  std::string metadata;
  if (message.subset) {
    std::string list;
    for (const std::string& entry : *message.subset) list += BytesField(1, TextValue(entry));
    metadata += Entry("envoy.lb.subset_hint",
                      Entry("x-gateway-destination-endpoint-subset", BytesField(6, list)));
  }
  if (message.subset_text) {
    metadata += Entry("envoy.lb.subset_hint", Entry("x-gateway-destination-endpoint-subset",
                                                    TextValue(*message.subset_text)));
  }
  if (!message.served.empty()) {
    metadata += Entry("envoy.lb",
                      Entry("x-gateway-destination-endpoint-served", TextValue(message.served)));
  }
  out += BytesField(8, metadata);
  if (!message.attributes.empty()) {
    std::string fields;
    for (const auto& [name, value] : message.attributes) fields += Entry(name, TextValue(value));
    out += BytesField(9, BytesField(1, "envoy.filters.http.ext_proc") + BytesField(2, fields));
  }
  if (message.observability) out += VarintField(10, 1);
  if (message.modes) {
    std::string config;
    if (message.modes->first != 0)
      config += VarintField(1, static_cast<uint64_t>(message.modes->first));
    if (message.modes->second != 0)
      config += VarintField(2, static_cast<uint64_t>(message.modes->second));
    out += BytesField(11, config);
  }
  return out;
}

std::string Frame(std::string_view message, bool compressed) {
  std::string out(1, compressed ? '\1' : '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(message.size() >> shift);
  return out.append(message);
}

std::string ResponseMessage::Set(std::string_view name) const {
  for (const auto& [key, value] : set) {
    if (key == name) return value;
  }
  return "";
}

std::vector<ResponseMessage> DecodeResponses(std::string& bytes) {
  std::vector<ResponseMessage> out;
  size_t at = 0;
  while (bytes.size() - at >= 5) {
    if (bytes[at] != 0) throw std::runtime_error("a compressed frame");
    uint32_t size = 0;
    for (size_t i = 1; i < 5; ++i) size = size << 8 | static_cast<uint8_t>(bytes[at + i]);
    if (bytes.size() - at - 5 < size) break;
    out.push_back(DecodeResponse(std::string_view(bytes).substr(at + 5, size)));
    at += 5 + size;
  }
  bytes.erase(0, at);
  return out;
}

}  // namespace inference::test
