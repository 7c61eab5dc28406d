#include <cstring>

#include "extproc/connection.h"
#include "extproc/reactor.h"

namespace inference::extproc {

namespace {
constexpr uint32_t kStreamWindow = 1 << 20;
constexpr int32_t kConnectionWindow = 1 << 28;
constexpr uint32_t kMaxStreams = 1u << 30;
constexpr uint64_t kResetsAllowed = uint64_t{1} << 40;
}  // namespace

/// libnghttp2's C callbacks, each a line into the Connection.
struct Callbacks {
  static Connection& Self(void* user) { return *static_cast<Connection*>(user); }
  static Stream* Find(nghttp2_session* session, int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session, id));
  }
  static std::string_view View(const uint8_t* data, size_t size) {
    return {reinterpret_cast<const char*>(data), size};
  }

  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Self(user).head_.Clear();
    Self(user).head_.stream_id = frame->hd.stream_id;
    return 0;
  }
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    return Self(user).OnHeader(frame->hd.stream_id, View(name, name_size), View(value, value_size));
  }
  static int OnFrame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
    const bool end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      Self(user).OnRequest(frame->hd.stream_id, end);
    } else if (end && (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS)) {
      Stream* stream = Find(session, frame->hd.stream_id);
      if (stream != nullptr) Self(user).OnEndStream(*stream);
    }
    return 0;
  }
  static int OnData(nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size,
                    void* user) {
    // The connection's window is always given back: all streams of a gateway share it, and
    // withholding it would stop the responses that free capacity.
    nghttp2_session_consume_connection(session, size);
    Stream* stream = Find(session, id);
    if (stream == nullptr) {
      nghttp2_session_consume_stream(session, id, size);
    } else {
      Self(user).OnData(*stream, View(data, size));
    }
    return 0;
  }
  static int OnClose(nghttp2_session*, int32_t id, uint32_t, void* user) {
    Self(user).OnStreamClose(id);
    return 0;
  }
  static ssize_t ReadData(nghttp2_session*, int32_t, uint8_t*, size_t length, uint32_t* flags,
                          nghttp2_data_source* source, void* user) {
    return Self(user).ReadData(*static_cast<Stream*>(source->ptr), length, flags);
  }
  static int SendData(nghttp2_session*, nghttp2_frame*, const uint8_t* head, size_t length,
                      nghttp2_data_source* source, void* user) {
    Self(user).SendData(*static_cast<Stream*>(source->ptr), head, length);
    return 0;
  }

  static nghttp2_session_callbacks* Make() {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnData);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnClose);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, SendData);
    return callbacks;
  }
};

nghttp2_session* NewHttp2Session(Connection& connection) {
  static nghttp2_session_callbacks* const callbacks = Callbacks::Make();
  static nghttp2_option* const option = [] {
    nghttp2_option* o = nullptr;
    nghttp2_option_new(&o);
    nghttp2_option_set_no_auto_window_update(o, 1);
    // Envoy ends each stream with RST_STREAM: the limiter against rapid resets would cut the
    // connection after about 1,000 streams.
    nghttp2_option_set_stream_reset_rate_limit(o, kResetsAllowed, kResetsAllowed);
    // Else closed streams are remembered up to MAX_CONCURRENT_STREAMS.
    nghttp2_option_set_no_closed_streams(o, 1);
    return o;
  }();
  nghttp2_session* session = nullptr;
  nghttp2_session_server_new2(&session, callbacks, &connection, option);
  // A gateway opens streams before it has read this; those above the limit would fail.
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 64 * 1024},
  };
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);
  return session;
}

nghttp2_data_provider OutboxProvider(Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::ReadData;
  return provider;
}

}  // namespace inference::extproc
