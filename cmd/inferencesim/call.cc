#include "inferencesim/call.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

namespace inference::sim {
namespace {

using BufferPtr = std::unique_ptr<evbuffer, decltype(&evbuffer_free)>;

BufferPtr MakeBuffer(std::string_view bytes) {
  BufferPtr buffer(evbuffer_new(), &evbuffer_free);
  evbuffer_add(buffer.get(), bytes.data(), bytes.size());
  return buffer;
}

const char* Phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Injected";
  }
}

}  // namespace

Call::Call(evhttp_request* request) : request_(request) {}

Call::~Call() {
  if (!over()) Reply(503, "text/plain", "");
}

std::string_view Call::path() const {
  const char* path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request_));
  return path == nullptr ? "" : path;
}

std::string Call::Query(const char* name) const {
  const char* query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request_));
  evkeyvalq values;
  if (query == nullptr || evhttp_parse_query_str(query, &values) != 0) return {};
  const char* value = evhttp_find_header(&values, name);
  std::string text = value == nullptr ? "" : value;
  evhttp_clear_headers(&values);
  return text;
}

std::string_view Call::method() const {
  switch (evhttp_request_get_command(request_)) {
    case EVHTTP_REQ_GET:
      return "GET";
    case EVHTTP_REQ_POST:
      return "POST";
    case EVHTTP_REQ_HEAD:
      return "HEAD";
    case EVHTTP_REQ_PUT:
      return "PUT";
    case EVHTTP_REQ_DELETE:
      return "DELETE";
    case EVHTTP_REQ_OPTIONS:
      return "OPTIONS";
    default:
      return "OTHER";
  }
}

std::string_view Call::Header(const char* name) const {
  const char* value = evhttp_find_header(evhttp_request_get_input_headers(request_), name);
  return value == nullptr ? "" : value;
}

std::string_view Call::Body() const {
  evbuffer* input = evhttp_request_get_input_buffer(request_);
  const size_t length = evbuffer_get_length(input);
  if (length == 0) return {};
  return {reinterpret_cast<const char*>(evbuffer_pullup(input, -1)), length};
}

void Call::AddHeader(const char* name, const std::string& value) {
  evhttp_add_header(evhttp_request_get_output_headers(request_), name, value.c_str());
}

void Call::Reply(int status, const char* content_type, std::string_view body) {
  AddHeader("Content-Type", content_type);
  const BufferPtr buffer = MakeBuffer(body);
  status_ = status;
  sent_bytes_ = body.size();
  Unwatch();
  evhttp_send_reply(std::exchange(request_, nullptr), status, Phrase(status), buffer.get());
}

void Call::StartStream(const char* content_type) {
  AddHeader("Content-Type", content_type);
  status_ = 200;
  evhttp_send_reply_start(request_, 200, "OK");
}

void Call::Send(std::string_view bytes) {
  const BufferPtr buffer = MakeBuffer(bytes);
  sent_bytes_ += bytes.size();
  evhttp_send_reply_chunk(request_, buffer.get());
}

void Call::EndStream() {
  Unwatch();
  evhttp_send_reply_end(std::exchange(request_, nullptr));
}

void Call::Reset() {
  Unwatch();
  evhttp_connection* connection = evhttp_request_get_connection(request_);
  request_ = nullptr;  // freed with the connection
  const int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
  // Linux: dissolves the connection with a reset. Closing would send a FIN first, because evhttp
  // shuts the socket down.
  sockaddr none{};
  none.sa_family = AF_UNSPEC;
  (void)connect(fd, &none, sizeof none);
  evhttp_connection_free(connection);
}

void Call::WatchDisconnect(std::function<void()> gone) {
  gone_ = std::move(gone);
  evhttp_connection* connection = evhttp_request_get_connection(request_);
  evhttp_connection_set_closecb(connection, &Call::OnClose, this);
  // evhttp stops reading once a request is complete and would not see the client leave before we
  // write. Read on, but leave pipelined bytes where they are.
  bufferevent* stream = evhttp_connection_get_bufferevent(connection);
  bufferevent_data_cb write = nullptr;
  bufferevent_event_cb event = nullptr;
  void* argument = nullptr;
  bufferevent_getcb(stream, nullptr, &write, &event, &argument);
  bufferevent_setcb(stream, nullptr, write, event, argument);
  bufferevent_enable(stream, EV_READ);
}

void Call::Unwatch() {
  if (!gone_) return;
  gone_ = nullptr;
  if (evhttp_connection* connection = evhttp_request_get_connection(request_)) {
    evhttp_connection_set_closecb(connection, nullptr, nullptr);
  }
}

void Call::OnClose(evhttp_connection*, void* self) {
  auto* call = static_cast<Call*>(self);
  // evhttp has let go of the request: it is ours to free, unless it was closed while being freed.
  evhttp_request_free(std::exchange(call->request_, nullptr));
  const std::function<void()> gone = std::exchange(call->gone_, nullptr);
  gone();
}

}  // namespace inference::sim
