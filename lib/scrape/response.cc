#include "scrape/response.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace inference::scrape {
namespace {

// Room for the headers and for a byte after the page, which tells that the server sent too much.
constexpr size_t kSpareBytes = size_t{16} << 10;
// So much more than two pages may come for one: headers, chunk sizes, trailers.
constexpr size_t kMaxFramingBytes = size_t{1} << 20;

Response& Of(http_parser* parser) {
  return *static_cast<Response*>(parser->data);
}

}  // namespace

PageBuffers::Buffer PageBuffers::Take(size_t bytes) {
  if (!spare_.empty() && spare_.back().size >= bytes) {
    Buffer buffer = std::move(spare_.back());
    spare_.pop_back();
    return buffer;
  }
  return {std::make_unique_for_overwrite<char[]>(bytes), bytes};
}

void PageBuffers::Return(Buffer buffer) {
  if (spare_.size() < kKeep && buffer.size <= kKeepBytes) spare_.push_back(std::move(buffer));
}

const http_parser_settings Response::kCallbacks = [] {
  http_parser_settings callbacks;
  http_parser_settings_init(&callbacks);
  callbacks.on_header_field = &Response::OnField;
  callbacks.on_header_value = &Response::OnValue;
  callbacks.on_headers_complete = &Response::OnHeaders;
  callbacks.on_body = &Response::OnBody;
  callbacks.on_message_complete = &Response::OnComplete;
  return callbacks;
}();

Response::Response(PageBuffers& buffers, size_t max_page_bytes)
    : buffers_(buffers), max_page_bytes_(max_page_bytes) {
  Start();
}

void Response::Start() {
  Release();
  http_parser_init(&parser_, HTTP_RESPONSE);
  parser_.data = this;
  state_ = State::kMore;
  headers_done_ = in_value_ = keep_alive_ = false;
  field_.size = value_.size = 0;
  received_ = header_bytes_ = 0;
  error_.clear();
}

void Response::Release() {
  if (buffer_.data) buffers_.Return(std::exchange(buffer_, {}));
  begin_ = size_ = 0;
}

std::span<char> Response::Room() {
  if (!buffer_.data) buffer_ = buffers_.Take(usual_bytes_);
  const bool length_known =
      headers_done_ && (parser_.flags & F_CONTENTLENGTH) != 0 && (parser_.flags & F_CHUNKED) == 0;
  const size_t free_bytes = buffer_.size - begin_ - size_;
  if (length_known) {
    // http_parser counts content_length down to what is still to come.
    const size_t wanted = parser_.content_length + 1;
    if (free_bytes < wanted) Grow(wanted);
  } else if (free_bytes < kSpareBytes) {
    Grow(std::max(kSpareBytes, size_));
  }
  const size_t end = begin_ + size_;
  return {buffer_.data.get() + end, buffer_.size - end};
}

void Response::Grow(size_t free_bytes) {
  PageBuffers::Buffer larger = buffers_.Take(size_ + free_bytes + kSpareBytes);
  std::memcpy(larger.data.get(), buffer_.data.get() + begin_, size_);
  buffers_.Return(std::exchange(buffer_, std::move(larger)));
  begin_ = 0;
}

Response::State Response::Received(size_t bytes) {
  const size_t end = begin_ + size_;
  const bool full = end + bytes == buffer_.size;
  received_ += bytes;
  if (received_ - bytes > 2 * max_page_bytes_ + kMaxFramingBytes) {
    Fail(Failure::kTooLarge, "more than " + std::to_string(received_) +
                                 " bytes for a page of at most " + std::to_string(max_page_bytes_));
    return state_ = State::kFailed;
  }
  // In two steps when they may be too many headers: what counts is how many came before the body.
  const size_t head = headers_done_ ? 0 : std::min(bytes, kMaxHeaderBytes - header_bytes_);
  const char* data = buffer_.data.get() + end;
  if (head > 0) {
    header_bytes_ += head;
    if (Parse(data, head) != State::kMore) {
      if (state_ == State::kDone && head < bytes) keep_alive_ = false;
    } else if (!headers_done_ && header_bytes_ == kMaxHeaderBytes) {
      Fail(Failure::kTooLarge,
           "more than " + std::to_string(kMaxHeaderBytes) + " bytes of headers");
      state_ = State::kFailed;
    }
  }
  if (state_ == State::kMore && head < bytes) Parse(data + head, bytes - head);
  // Until the body begins, nothing of what came has to stay.
  if (state_ == State::kMore && size_ == 0) begin_ = 0;
  if (state_ == State::kDone) {
    if (full) keep_alive_ = false;  // perhaps there is more
    usual_bytes_ = std::max(PageBuffers::kUsualBytes, size_ + 2 * kSpareBytes);
  }
  return state_;
}

Response::State Response::Closed() {
  if (state_ == State::kMore) {
    if (received_ == 0) {
      Fail(Failure::kOther, "the server closed the connection without an answer");
      state_ = State::kFailed;
    } else {
      Parse(nullptr, 0);
    }
  }
  keep_alive_ = false;
  return state_;
}

Response::State Response::Parse(const char* data, size_t size) {
  const size_t parsed = http_parser_execute(&parser_, &kCallbacks, data, size);
  const http_errno error = HTTP_PARSER_ERRNO(&parser_);
  if (error == HPE_PAUSED && state_ == State::kDone) {
    if (parsed < size) keep_alive_ = false;  // nobody asked for what follows
    return state_;
  }
  if (error == HPE_OK && !parser_.upgrade && (size != 0 || state_ != State::kMore)) return state_;
  state_ = State::kFailed;
  if (!error_.empty()) return state_;  // a callback said why
  if (size == 0) {
    Fail(Failure::kOther, headers_done_
                              ? "the server closed the connection in the midst of the page"
                              : "the server closed the connection in the midst of the headers");
  } else {
    Fail(Failure::kOther,
         std::string("the answer is no valid HTTP/1.1: ") + http_errno_description(error));
  }
  return state_;
}

void Response::Piece::Add(const char* at, size_t length) {
  const size_t taken = std::min(length, sizeof text - size);
  std::memcpy(text + size, at, taken);
  size += taken;
}

int Response::OnField(http_parser* parser, const char* at, size_t length) {
  Response& self = Of(parser);
  if (self.in_value_) self.HeaderComplete();
  self.field_.Add(at, length);
  return self.error_.empty() ? 0 : 1;
}

int Response::OnValue(http_parser* parser, const char* at, size_t length) {
  Response& self = Of(parser);
  self.in_value_ = true;
  self.value_.Add(at, length);
  return 0;
}

void Response::HeaderComplete() {
  const std::string_view value = base::TrimSpace(value_.view());
  const bool content = base::EqualsIgnoreCase(field_.view(), "content-encoding");
  const bool transfer = base::EqualsIgnoreCase(field_.view(), "transfer-encoding");
  const std::string_view expected = content ? "identity" : "chunked";
  // After the headers come trailers, which say nothing about the coding any more. 1xx and errors
  // have no page.
  if (!headers_done_ && (content || transfer) && parser_.status_code == 200 && !value.empty() &&
      !base::EqualsIgnoreCase(value, expected)) {
    Fail(Failure::kBadPage,
         std::string("the page is ") + (content ? "encoded" : "transferred") + " as '" +
             base::Printable(value) +
             "', which was not asked for; have the server send it as plain text");
  }
  in_value_ = false;
  field_.size = value_.size = 0;
}

int Response::OnHeaders(http_parser* parser) {
  return Of(parser).HeadersComplete();
}

// Not 0 or 1, which http_parser takes for "no body follows", ends the parsing.
int Response::HeadersComplete() {
  constexpr int kStop = -1;
  if (in_value_) HeaderComplete();
  if (!error_.empty()) return kStop;
  if (parser_.http_major != 1) {
    Fail(Failure::kOther,
         "the answer is HTTP/" + std::to_string(parser_.http_major) + ", not HTTP/1.1");
    return kStop;
  }
  const unsigned status = parser_.status_code;
  if (status >= 100 && status < 200 && status != 101) return 0;
  if (status != 200) {
    std::string error = "HTTP status " + std::to_string(status) + " instead of 200";
    if (status < 500) error += "; check the port and the path";
    Fail(Failure::kStatus, std::move(error));
    return kStop;
  }
  headers_done_ = true;
  if ((parser_.flags & F_CONTENTLENGTH) != 0 && parser_.content_length > max_page_bytes_) {
    FailTooLarge();
    return kStop;
  }
  return 0;
}

int Response::OnBody(http_parser* parser, const char* at, size_t length) {
  return Of(parser).Body(at, length);
}

int Response::Body(const char* at, size_t length) {
  if (length > max_page_bytes_ - size_) return FailTooLarge();
  char* const start = buffer_.data.get();
  if (size_ == 0) begin_ = static_cast<size_t>(at - start);
  char* const to = start + begin_ + size_;
  if (to != at) std::memmove(to, at, length);  // past a chunk's header
  size_ += length;
  return 0;
}

int Response::OnComplete(http_parser* parser) {
  Response& self = Of(parser);
  if (!self.headers_done_) return 0;  // 1xx: the answer is still to come
  self.state_ = State::kDone;
  self.keep_alive_ = http_should_keep_alive(parser) != 0;
  http_parser_pause(parser, 1);
  return 0;
}

int Response::FailTooLarge() {
  return Fail(Failure::kTooLarge,
              "the page is larger than " + std::to_string(max_page_bytes_) + " bytes");
}

int Response::Fail(Failure failure, std::string error) {
  failure_ = failure;
  error_ = std::move(error);
  return 1;
}

}  // namespace inference::scrape
