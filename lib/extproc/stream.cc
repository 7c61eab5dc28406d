#include "extproc/stream.h"

namespace inference::extproc {

void TimerList::Start(Stream& stream, base::Time now) {
  stream.deadline = now + length_;
  if (back_ == &stream) return;
  if (stream.timer_prev != nullptr || front_ == &stream) Stop(stream);
  stream.timer_prev = back_;
  (back_ != nullptr ? back_->timer_next : front_) = &stream;
  back_ = &stream;
}

void TimerList::Stop(Stream& stream) {
  if (stream.timer_prev == nullptr && front_ != &stream) return;
  (stream.timer_prev != nullptr ? stream.timer_prev->timer_next : front_) = stream.timer_next;
  (stream.timer_next != nullptr ? stream.timer_next->timer_prev : back_) = stream.timer_prev;
  stream.timer_prev = stream.timer_next = nullptr;
}

}  // namespace inference::extproc
