#include "admin/server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "admin/service.h"

namespace inference::admin {
namespace {

constexpr int kMaxThreads = 24;                // calls served at once, watches included
constexpr int64_t kMessageOverhead = 1 << 20;  // of a dry run, besides the body
constexpr int kAcceptRetryMs = 100;            // when out of file descriptors

int MaxMessageBytes(const control::ControlView& view) {
  const int64_t body = view.daemon_config()->limits.max_body_bytes.value;
  return static_cast<int>(std::min<int64_t>(body + kMessageOverhead, INT32_MAX));
}

std::unique_ptr<grpc::Server> BuildServer(AdminService& service, int max_message_bytes) {
  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("admin");
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(max_message_bytes);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.RegisterService(&service);
  return builder.BuildAndStart();
}

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::Start(const Options& options,
                                                        net::Listener listener, const Rooms& rooms,
                                                        DaemonInfo info, const base::Clock& clock) {
  net::FileDescriptor wake(eventfd(0, EFD_CLOEXEC));
  if (wake.get() < 0) return Status(Code::kResourceExhausted, "admin: cannot make an eventfd");
  auto service = std::make_unique<AdminService>(rooms, std::move(info), clock, options.seed);
  auto server = BuildServer(*service, MaxMessageBytes(rooms.view));
  if (!server) return Status(Code::kInternal, "admin: gRPC could not start its server");
  return std::unique_ptr<AdminServer>(
      new AdminServer(std::move(listener), std::move(wake), std::move(service), std::move(server)));
}

AdminServer::AdminServer(net::Listener listener, net::FileDescriptor wake,
                         std::unique_ptr<AdminService> service,
                         std::unique_ptr<grpc::Server> server)
    : listener_(std::move(listener)),
      wake_(std::move(wake)),
      service_(std::move(service)),
      server_(std::move(server)),
      acceptor_([this] { AcceptLoop(); }) {}

AdminServer::~AdminServer() {
  Stop();
}

void AdminServer::Stop() {
  if (!acceptor_.joinable()) return;
  const uint64_t one = 1;
  while (write(wake_.get(), &one, sizeof one) < 0 && errno == EINTR) {
  }
  acceptor_.join();
  listener_.reset();
  service_->EndWatches();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  server_->Wait();
}

void AdminServer::AcceptLoop() {
  pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {listener_->fd(), POLLIN, 0}};
  while (true) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    const int fd = accept4(listener_->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      grpc::AddInsecureChannelFromFd(server_.get(), fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
      poll(fds, 1, kAcceptRetryMs);  // the connection stays in the backlog
    }
  }
}

}  // namespace inference::admin
