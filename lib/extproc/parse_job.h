#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/inference_request.h"
#include "base/clock.h"
#include "extproc/body.h"
#include "request/openai_request.h"

namespace inference::extproc {

/// Bodies beyond this size are parsed by a worker, so that the neighbours of a large one don't wait
/// for it: 64 KiB of token ids take a reactor some 0.3 ms, 20 MB would take it 0.1 s.
inline constexpr size_t kParseHereBytes = size_t{64} << 10;

/// What reading a body needs and fills. Views in `request` point into `parser` and the body.
struct ParseMemory {
  request::RequestParser parser;
  api::InferenceRequest request;
};

/// A body on its way through a worker. Made, kept and dropped by its reactor's thread, for so the
/// body's references are counted; between Submit and the worker's last word nobody else touches it.
struct ParseJob {
  // Set by the session; a worker only reads them.
  Body body;
  std::string path, content_type;
  bool cut = false;  // the gateway cut the body

  // Set by the worker.
  std::unique_ptr<ParseMemory> memory;
  request::ParseResult result;
  base::Duration took{};  // the reading, without the wait for it

  /// REQUIRES: memory is set.
  void Run(const base::Clock& clock);
};

/// Reads a body, whole or cut; the one way for reactors and workers.
request::ParseResult ParseBody(request::RequestParser& parser, std::string_view path,
                               std::string_view content_type, const Body& body, bool cut,
                               api::InferenceRequest& out);

}  // namespace inference::extproc
