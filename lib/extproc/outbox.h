#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "extproc/body.h"
#include "extproc/parse_job.h"
#include "flowcontrol/line.h"
#include "inference/status.h"

namespace inference::extproc {

/// Which of the reactor's timers runs for a stream. Their lengths are constant per kind.
enum class Timer : uint8_t {
  kNone,
  kIdle,   // the peer owes us the next piece of a request
  kPick,   // a worker reads its body
  kDrain,  // we are done; the peer should end the stream
};

/// What a Session wants done: bytes to send, in order, how the stream ends. The transport (or a
/// test) reads it. Bytes are either its own or slices of a shared body, which are not copied.
class Outbox {
 public:
  /// Append whole gRPC messages here.
  std::string& tail() { return bytes_; }
  /// The bytes [offset, offset + size) of `body` follow what was appended so far.
  void AddSlice(const Body& body, size_t offset, size_t size);

  /// Ends the stream: OK goes out in the same write as the last byte above, any other code at once
  /// if nothing was sent yet. The first call wins.
  void Close(Code code, std::string message = {});
  void Arm(Timer timer) { timer_ = timer; }
  /// Has a worker run the job; the session is then told by OnParsed, unless the stream is gone.
  void Parse(std::unique_ptr<ParseJob> job) { parse_ = std::move(job); }
  /// Has the stream wait in the line with a body of so many bytes; the session is then told by
  /// OnReleased, unless the stream is gone.
  struct Parking {
    std::shared_ptr<flowcontrol::Line> line;
    uint64_t bytes = 0;
  };
  void Park(Parking parking) { park_ = std::move(parking); }
  /// What was asked for since the last call.
  std::optional<Parking> TakePark() { return std::exchange(park_, std::nullopt); }
  /// The job that was asked for since the last call, or null.
  std::unique_ptr<ParseJob> TakeParse() { return std::move(parse_); }

  bool closing() const { return closing_; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  Timer timer() const { return timer_; }

  /// Bytes not yet taken.
  size_t size() const { return bytes_.size() - taken_ + slice_bytes_; }

  /// Takes exactly `n` <= size() bytes: calls sink(view, const Body* owner) for each run. `owner`
  /// is null for bytes that are gone after the call.
  template <typename Sink>
  void Take(size_t n, Sink&& sink);

 private:
  struct Slice {
    size_t at;  // position in bytes_ that it stands before
    Body body;
    size_t offset, size;
  };
  void Compact();

  std::string bytes_;
  size_t taken_ = 0;  // of bytes_
  std::vector<Slice> slices_;
  size_t first_slice_ = 0;
  size_t slice_bytes_ = 0;
  std::unique_ptr<ParseJob> parse_;
  std::optional<Parking> park_;
  std::string message_;
  Code code_ = Code::kOk;
  bool closing_ = false;
  Timer timer_ = Timer::kNone;
};

template <typename Sink>
void Outbox::Take(size_t n, Sink&& sink) {
  while (n > 0) {
    const bool has_slice = first_slice_ < slices_.size();
    const size_t end = has_slice ? slices_[first_slice_].at : bytes_.size();
    if (taken_ < end) {
      const size_t run = std::min(n, end - taken_);
      sink(std::string_view(bytes_).substr(taken_, run), static_cast<const Body*>(nullptr));
      taken_ += run;
      n -= run;
      continue;
    }
    Slice& slice = slices_[first_slice_];
    const size_t run = std::min(n, slice.size);
    sink(slice.body.view().substr(slice.offset, run), static_cast<const Body*>(&slice.body));
    slice.offset += run;
    slice.size -= run;
    slice_bytes_ -= run;
    n -= run;
    if (slice.size == 0) {
      slice.body.Release();
      ++first_slice_;
    }
  }
  if (size() == 0) Compact();
}

}  // namespace inference::extproc
