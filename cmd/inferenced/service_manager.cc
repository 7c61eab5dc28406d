#include "inferenced/service_manager.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>

namespace inferenced {
namespace {

int64_t ToMicros(inference::base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

ServiceManager::ServiceManager() {
  const char* socket = std::getenv("NOTIFY_SOCKET");
  present_ = socket != nullptr && *socket != '\0';
  uint64_t within = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/1, &within) > 0) {
    watchdog_ = std::chrono::microseconds(within);
  }
}

// What can't be sent is lost: the service manager's own time limits then decide.
void ServiceManager::Send(const std::string& state) const {
  if (present_) sd_notify(/*unset_environment=*/0, state.c_str());
}

void ServiceManager::Ready(const std::string& status) const {
  Send("READY=1\nSTATUS=" + status);
}

void ServiceManager::Reloading() const {
  // sd_notify(3): the time lets a Type=notify-reload unit tell this reload from an earlier one.
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  Send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(ToMicros(now)) + "\nSTATUS=reloading");
}

void ServiceManager::Stopping(const std::string& status) const {
  Send("STOPPING=1\nSTATUS=" + status);
}

void ServiceManager::SetStatus(const std::string& status) const {
  Send("STATUS=" + status);
}

void ServiceManager::ExtendTimeout(inference::base::Duration more) const {
  Send("EXTEND_TIMEOUT_USEC=" + std::to_string(ToMicros(more)));
}

void ServiceManager::Feed() const {
  Send("WATCHDOG=1");
}

}  // namespace inferenced
