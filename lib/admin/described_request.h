#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/inference_request.h"
#include "api/kinds.h"
#include "inference/admin/v1/admin.pb.h"
#include "inference/status.h"
#include "picker/pick.h"
#include "request/openai_request.h"

namespace inference::admin {

/// A request that somebody describes, as the data plane would have it after parsing. Holds what the
/// views of pick() point into. Not thread-safe.
class DescribedRequest {
 public:
  DescribedRequest() = default;
  DescribedRequest(const DescribedRequest&) = delete;
  DescribedRequest& operator=(const DescribedRequest&) = delete;

  /// Call once; `in` outlives this. INVALID_ARGUMENT says what is wrong with it.
  Status Read(const v1::PickRequest& in, const api::DaemonConfig& config);

  /// What to pick for, once it is read.
  const picker::PickRequest& pick() const { return pick_; }
  const api::InferenceRequest& request() const { return request_; }

 private:
  Status ReadHeaders(const v1::PickRequest& in);
  Status ReadBody(const v1::PickRequest& in, const api::DaemonConfig& config);
  Status DescribePrompt(const v1::PickRequest& in);
  std::string_view ContentType() const;

  std::string body_, prompt_, header_names_;
  std::vector<api::Header> headers_;
  std::vector<std::string_view> subset_;
  request::RequestParser parser_;
  api::InferenceRequest request_;
  picker::PickRequest pick_;
};

}  // namespace inference::admin
