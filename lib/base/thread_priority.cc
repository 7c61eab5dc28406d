#include "base/thread_priority.h"

#include <sys/resource.h>
#include <unistd.h>

namespace inference::base {

void GiveWay() {
  // On Linux the priority is a thread's own, and more than the present value is always allowed.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 10);
}

}  // namespace inference::base
