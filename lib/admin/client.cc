#include "admin/client.h"

#include <grpcpp/create_channel_posix.h>

#include <type_traits>

#include "net/listener.h"

namespace inference::admin {

Result<std::unique_ptr<AdminClient>> AdminClient::Connect(const std::string& address,
                                                          std::chrono::milliseconds timeout) {
  auto where = net::ParseAddress(address);
  if (!where || !where->is_unix()) {
    return Status(Code::kInvalidArgument, "\"" + address +
                                              "\" is not the address of a Unix socket; write "
                                              "unix:///absolute/path");
  }
  // Connecting here and not in gRPC gives an error that names its cause.
  auto fd = net::ConnectUnix(where->path);
  if (!fd) return fd.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // the daemon is trusted; fleets are large
  auto channel = grpc::CreateCustomInsecureChannelFromFd("localhost", fd->Release(), arguments);
  return std::unique_ptr<AdminClient>(
      new AdminClient(address, timeout, v1::Admin::NewStub(channel)));
}

AdminClient::AdminClient(std::string address, std::chrono::milliseconds timeout,
                         std::unique_ptr<v1::Admin::Stub> stub)
    : address_(std::move(address)), timeout_(timeout), stub_(std::move(stub)) {}

Status AdminClient::ToStatus(const grpc::Status& status) const {
  const auto code = static_cast<Code>(status.error_code());
  switch (code) {
    case Code::kOk:
      return Status::Ok();
    case Code::kDeadlineExceeded:
      return Status(code, "no answer from " + address_ + " within " +
                              std::to_string(timeout_.count()) + " ms; see --timeout");
    case Code::kUnavailable:
      return Status(code, "lost the connection to " + address_ + ": " + status.error_message());
    case Code::kUnimplemented:
      return Status(code, "the daemon at " + address_ +
                              " doesn't know this request; it is older than this program");
    default:
      return Status(code, status.error_message());
  }
}

template <typename Request, typename Response>
Result<Response> AdminClient::Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                           const Request&,
                                                                           Response*),
                                   const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout_);
  Response response;
  const Status status = ToStatus((stub_.get()->*method)(&context, request, &response));
  if (!status.ok()) return status;
  return response;
}

Result<v1::GetStatusResponse> AdminClient::GetStatus() {
  return Call(&v1::Admin::Stub::GetStatus, v1::GetStatusRequest());
}

Result<v1::ListPoolsResponse> AdminClient::ListPools(const std::vector<std::string>& names) {
  v1::ListPoolsRequest request;
  for (const std::string& name : names) request.add_names(name);
  return Call(&v1::Admin::Stub::ListPools, request);
}

Result<v1::ListEndpointsResponse> AdminClient::ListEndpoints(
    const v1::ListEndpointsRequest& request) {
  return Call(&v1::Admin::Stub::ListEndpoints, request);
}

Result<v1::PickResponse> AdminClient::Pick(const v1::PickRequest& request) {
  return Call(&v1::Admin::Stub::Pick, request);
}

Result<v1::WhyResponse> AdminClient::Why(const std::string& request_id) {
  v1::WhyRequest request;
  request.set_request_id(request_id);
  return Call(&v1::Admin::Stub::Why, request);
}

Result<v1::ChangeResponse> AdminClient::Change(const v1::ChangeRequest& request) {
  return Call(&v1::Admin::Stub::Change, request);
}

Result<v1::ListObjectsResponse> AdminClient::ListObjects() {
  return Call(&v1::Admin::Stub::ListObjects, v1::ListObjectsRequest());
}

Result<v1::ListSplitsResponse> AdminClient::ListSplits() {
  return Call(&v1::Admin::Stub::ListSplits, v1::ListSplitsRequest());
}

Result<v1::ListHistoryResponse> AdminClient::ListHistory(const v1::ListHistoryRequest& request) {
  return Call(&v1::Admin::Stub::ListHistory, request);
}

Result<v1::DrainResponse> AdminClient::Drain(const v1::DrainRequest& request) {
  return Call(&v1::Admin::Stub::Drain, request);
}

Result<v1::DrainResponse> AdminClient::Undrain(const v1::UndrainRequest& request) {
  return Call(&v1::Admin::Stub::Undrain, request);
}

Result<v1::ListDrainsResponse> AdminClient::ListDrains() {
  return Call(&v1::Admin::Stub::ListDrains, v1::ListDrainsRequest());
}

Result<v1::SetWeightResponse> AdminClient::SetWeight(const v1::SetWeightRequest& request) {
  return Call(&v1::Admin::Stub::SetWeight, request);
}

Result<v1::ReloadResponse> AdminClient::Reload(const v1::ReloadRequest& request) {
  return Call(&v1::Admin::Stub::Reload, request);
}

Result<v1::StopResponse> AdminClient::Stop(const v1::StopRequest& request) {
  return Call(&v1::Admin::Stub::Stop, request);
}

template <typename Request, typename Response>
Status AdminClient::Watch(std::unique_ptr<grpc::ClientReader<Response>> (v1::Admin::Stub::*method)(
                              grpc::ClientContext*, const Request&),
                          const Request& request,
                          const std::function<bool(const Response&)>& each) {
  grpc::ClientContext context;
  if constexpr (std::is_same_v<Request, v1::WatchEventsRequest>) {
    // What there is, and no more: a question as any other.
    if (!request.follow()) context.set_deadline(std::chrono::system_clock::now() + timeout_);
  }
  {
    std::lock_guard lock(mutex_);
    if (cancelled_) return Status(Code::kCancelled, "cancelled");
    watch_ = &context;
  }
  auto reader = (stub_.get()->*method)(&context, request);
  Response response;
  bool enough = false;
  while (!enough && reader->Read(&response)) enough = !each(response);
  if (enough) context.TryCancel();
  const grpc::Status status = reader->Finish();
  std::lock_guard lock(mutex_);
  watch_ = nullptr;
  return enough ? Status::Ok() : ToStatus(status);
}

Status AdminClient::WatchEndpoints(
    const v1::WatchEndpointsRequest& request,
    const std::function<bool(const v1::ListEndpointsResponse&)>& each) {
  return Watch(&v1::Admin::Stub::WatchEndpoints, request, each);
}

Status AdminClient::WatchEvents(const v1::WatchEventsRequest& request,
                                const std::function<bool(const v1::WatchEventsResponse&)>& each) {
  return Watch(&v1::Admin::Stub::WatchEvents, request, each);
}

void AdminClient::Cancel() {
  std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (watch_ != nullptr) watch_->TryCancel();
}

}  // namespace inference::admin
