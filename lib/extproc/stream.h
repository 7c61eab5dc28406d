#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "extproc/outbox.h"
#include "extproc/session.h"
#include "extproc/wire.h"

namespace inference::extproc {

class Connection;

/// One HTTP/2 stream of a connection. Its reactor's thread only.
struct Stream {
  enum class Service : uint8_t { kNone, kProcess, kHealthCheck, kHealthWatch };

  /// What an ext_proc call adds.
  struct Process {
    Process(SessionContext& context, Outbox& out, std::string_view pool, size_t max_message)
        : decoder(max_message), session(context, out, pool) {}
    wire::Decoder decoder;
    Session session;
  };

  Connection* connection = nullptr;
  int32_t id = 0;
  Service service = Service::kNone;
  bool responding = false;  // the response's headers are submitted
  bool deferred = false;    // nghttp2 waits for us to have something to send
  bool ended = false;       // our end of the stream is submitted
  bool broken = false;      // input is ignored
  bool half_closed = false;
  uint8_t last_health = 255;  // what a Watch was told

  Outbox out;
  size_t unconsumed = 0;  // received bytes that the stream's window has not got back
  std::optional<Process> process;
  ParseJob* parsing = nullptr;  // the reactor's; to be forgotten by it when the stream goes
  uint64_t parked = 0;          // the ticket of its waiting; 0: it doesn't wait
  std::string unary;            // the request of a health call, with its frame

  // In one of the reactor's timer lists.
  Timer timer = Timer::kNone;
  base::Time deadline{};
  Stream* timer_prev = nullptr;
  Stream* timer_next = nullptr;
  std::optional<base::Time> call_deadline;  // of grpc-timeout
};

/// Streams whose timers all have the same length, the first to run out at the front.
class TimerList {
 public:
  explicit TimerList(base::Duration length) : length_(length) {}
  /// Starts the timer again if it runs already.
  void Start(Stream& stream, base::Time now);
  void Stop(Stream& stream);
  Stream* front() const { return front_; }

 private:
  const base::Duration length_;
  Stream* front_ = nullptr;
  Stream* back_ = nullptr;
};

}  // namespace inference::extproc
