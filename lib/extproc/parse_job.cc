#include "extproc/parse_job.h"

namespace inference::extproc {

request::ParseResult ParseBody(request::RequestParser& parser, std::string_view path,
                               std::string_view content_type, const Body& body, bool cut,
                               api::InferenceRequest& out) {
  if (!cut) return parser.Parse(path, content_type, {body.data(), body.size()}, out);
  parser.ParseCut(path, content_type, body.view(), out);
  return {};
}

void ParseJob::Run(const base::Clock& clock) {
  const base::Time begun = clock.Now();
  result = ParseBody(memory->parser, path, content_type, body, cut, memory->request);
  took = clock.Now() - begun;
}

}  // namespace inference::extproc
