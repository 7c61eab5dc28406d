#pragma once

#include <event2/http.h>

#include <functional>
#include <string>
#include <string_view>

namespace inference::sim {

/// One HTTP request and its answer, over evhttp. Knows the pitfalls of its lifetimes: who frees
/// the request, and how to learn of a client that leaves. Lives on the event loop's thread.
class Call {
 public:
  explicit Call(evhttp_request* request);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  /// A request that is still unanswered is answered with 503 and an empty body.
  ~Call();

  /// "/v1/models", without the query.
  std::string_view path() const;
  /// Value of a query parameter, empty when absent.
  std::string Query(const char* name) const;
  /// "POST"
  std::string_view method() const;
  /// Empty when absent.
  std::string_view Header(const char* name) const;
  /// Valid until the answer is sent.
  std::string_view Body() const;

  void AddHeader(const char* name, const std::string& value);
  /// The whole answer. Header, Body and the like must not be used afterwards.
  void Reply(int status, const char* content_type, std::string_view body);
  /// A chunked answer: once Start, then Send, at the end End.
  void StartStream(const char* content_type);
  void Send(std::string_view bytes);
  void EndStream();
  /// Breaks the connection off with a TCP reset.
  void Reset();

  /// Calls `gone`, at most once, when the client closes the connection before the end of the
  /// answer. The call is over then; `gone` may delete it.
  void WatchDisconnect(std::function<void()> gone);

  bool over() const { return request_ == nullptr; }
  int status() const { return status_; }
  size_t sent_bytes() const { return sent_bytes_; }

 private:
  static void OnClose(evhttp_connection* connection, void* self);
  void Unwatch();

  evhttp_request* request_;  // none when the call is over
  std::function<void()> gone_;
  int status_ = 0;
  size_t sent_bytes_ = 0;
};

}  // namespace inference::sim
