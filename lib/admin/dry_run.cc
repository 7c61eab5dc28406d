#include "admin/dry_run.h"

#include "admin/conversion.h"
#include "admin/described_request.h"
#include "picker/pick.h"

namespace inference::admin {

Status DryRun(const picker::Runtime& runtime, const api::DaemonConfig& config,
              const v1::PickRequest& in, base::Time now, base::Rng& rng,
              v1::PickResponse* response) {
  DescribedRequest described;
  if (const Status read = described.Read(in, config); !read.ok()) return read;
  picker::PickScratch scratch;
  scheduling::Explanation explanation;
  const picker::PickResult result =
      picker::Pick(runtime, described.pick(), now, rng, scratch, &explanation, /*dry_run=*/true);
  response->set_generation(runtime.generation());
  response->set_model(SafeText(described.request().model));
  response->set_target_model(SafeText(described.request().target_model));
  if (result.pool != nullptr) response->set_pool(result.pool->pool->key());
  if (!result.picked()) FillRefusal(result.refusal, response->mutable_refusal());
  FillExplanation(explanation, response);
  return Status::Ok();
}

}  // namespace inference::admin
