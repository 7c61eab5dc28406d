#pragma once

namespace inference::base {

/// Makes the calling thread give way to the threads of the process that serve requests (nice 10):
/// they run at once when they wake, and this one still gets its share of a busy core. Where the
/// system refuses it, nothing changes.
void GiveWay();

}  // namespace inference::base
