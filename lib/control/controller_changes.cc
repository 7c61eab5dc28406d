#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "api/codes.h"
#include "control/controller.h"

// Objects that are applied through the admin API: kept in the store, one whole with the files'.
namespace inference::control {
namespace {

bool Contains(const api::Diagnostics& findings, const api::Diagnostic& wanted) {
  const std::string text = wanted.ToString();
  return std::any_of(findings.begin(), findings.end(),
                     [&](const api::Diagnostic& d) { return d.ToString() == text; });
}

void AddNew(const api::Diagnostics& found, const api::Diagnostics& known, api::Diagnostics& out) {
  for (const api::Diagnostic& d : found) {
    if (d.severity == api::Severity::kError || !Contains(known, d)) out.push_back(d);
  }
}

}  // namespace

bool Controller::OpenState(api::Diagnostics& findings) {
  const api::Field<std::string>& path = config_->daemon->state_file;
  if (path->empty() || *path == "none") {
    no_state_ = path->empty() ? "there is no folder for it; set stateFile" : "stateFile is none";
    status_.no_state = no_state_;
    return true;
  }
  Result<std::unique_ptr<AppliedState>> opened = AppliedState::Open(
      *path,
      options_.take_over ? AppliedState::Beside::kPredecessor : AppliedState::Beside::kNobody,
      findings);
  if (opened.ok()) {
    SetOwner((*opened)->writable());
    if (const Status kept = OpenEndpointStore(*path); !kept.ok()) opened = kept;
  }
  if (opened.ok()) {
    applied_ = *std::move(opened);
    inputs_.applied = applied_->manifests();
    status_.state_file = *path;
    status_.applied_generation = applied_->generation();
    return true;
  }
  // A default place that isn't there is no reason not to serve. What somebody applied and is not
  // in force any more is one.
  const Code code = opened.status().code();
  const bool can_do_without =
      !path.is_set() && (code == Code::kPermissionDenied || code == Code::kUnavailable);
  no_state_ = opened.status().message();
  status_.no_state = no_state_;
  findings.push_back(
      {can_do_without ? api::Severity::kWarning : api::Severity::kError,
       std::string(api::codes::kStateUnavailable),
       path.is_set() ? path.origin : config_->daemon->origin, no_state_,
       can_do_without ? "apply, delete and rollback are refused; set stateFile to a file that this "
                        "daemon may write, or to none"
       : code == Code::kUnavailable
           ? "stop that one, start with --take-over to replace it, or give stateFile: another file"
           : "give stateFile: another file, or move this one away"});
  if (can_do_without) spdlog::warn("{}", findings.back().ToString());
  return can_do_without;
}

void Controller::TryToOwnState() {
  state_retry_at_ = std::chrono::steady_clock::now() + options_.state_retry;
  api::Diagnostics findings;
  const Result<bool> changed = applied_->TryLock(findings);
  if (!changed.ok()) {
    spdlog::error("{}", changed.status().message());
    for (const api::Diagnostic& d : findings) spdlog::error("{}", d.ToString());
    return;
  }
  if (applied_->writable()) {
    spdlog::info("the state file is this daemon's now");
    SetOwner(true);
    if (const Status read = LoadEndpointStore(); !read.ok()) {
      spdlog::error("leases and weights can't be read: {}", read.message());
    }
  }
  if (*changed) OfferApplied();
}

ChangeResult Controller::Change(ChangeRequest request) {
  std::optional<ChangeResult> result =
      Ask<ChangeResult>([this, &request] { return MakeChange(request); });
  if (result) return *std::move(result);
  ChangeResult stopping;
  stopping.status = Status(Code::kUnavailable, "inferenced is stopping");
  return stopping;
}

Status Controller::MayChange(const ChangeRequest& request) const {
  if (!applied_) {
    return {Code::kFailedPrecondition, "this daemon keeps no applied manifests: " + no_state_};
  }
  if (!applied_->writable()) {
    return {Code::kUnavailable,
            "the daemon before this one still has the state file; try again when it has ended"};
  }
  if (request.expected && *request.expected != applied_->generation()) {
    return {Code::kFailedPrecondition,
            "the applied state is generation " + std::to_string(applied_->generation()) + ", not " +
                std::to_string(*request.expected) + " as expected; look at it again"};
  }
  return Status::Ok();
}

Status Controller::AddRollback(ChangeRequest& request) const {
  if (!request.rollback_to) return Status::Ok();
  Result<std::vector<store::Change>> changes = applied_->store().ChangesTo(*request.rollback_to);
  if (!changes.ok()) return changes.status();
  for (store::Change& change : *changes) {
    if (change.text) {
      request.manifests.push_back(
          {"generation " + std::to_string(*request.rollback_to) + ", " + change.key.ToString(),
           *std::move(change.text)});
    } else {
      request.deletions.push_back(std::move(change.key));
    }
  }
  return Status::Ok();
}

ChangeResult Controller::MakeChange(ChangeRequest& request) {
  ChangeResult result;
  result.generation = runtime_.Get()->generation();
  result.status = MayChange(request);
  if (applied_) result.applied_generation = applied_->generation();
  if (result.status.ok()) result.status = AddRollback(request);
  if (!result.status.ok()) return result;

  Inputs next = held_ ? held_->inputs : inputs_;
  Result<ChangePlan> plan = MakePlan(request, applied_->manifests(), next.files, result.findings);
  if (!plan.ok()) {
    result.status = plan.status();
    return result;
  }
  // Check first, then the disk, then publish: what can't be built is never kept, and what is not
  // kept never serves.
  api::Diagnostics before, after;
  builder_.Check(next, before);
  next.applied = plan->checked;
  next.Join();
  const bool good = builder_.Check(next, after);
  AddNew(after, before, result.findings);
  result.objects = plan->objects;
  if (!good) {
    result.status = Status(Code::kInvalidArgument,
                           "the resulting whole would have errors; nothing was changed");
    return result;
  }
  if (request.dry_run) return result;
  result.status = applied_->Commit(*std::move(plan), request.author, options_.clock->WallNow());
  if (!result.status.ok()) return result;
  const bool changed = applied_->generation() != result.applied_generation;
  result.applied_generation = applied_->generation();
  if (changed) {
    spdlog::info("applied generation {}: {} by {}{}", applied_->generation(), request.author.verb,
                 request.author.who,
                 request.author.reason.empty() ? "" : ", \"" + request.author.reason + "\"");
    NoteChange(request, result);
    OfferApplied();
  }
  result.generation = runtime_.Get()->generation();
  result.in_force = !held_;
  return result;
}

void Controller::NoteChange(const ChangeRequest& request, const ChangeResult& result) {
  constexpr size_t kShown = 5;
  std::string text =
      fmt::format("applied generation {}: {}", result.applied_generation, request.author.verb);
  size_t changed = 0;
  for (const store::ChangedObject& object : result.objects) {
    if (object.before == object.after || ++changed > kShown) continue;
    text += (changed == 1 ? " " : ", ") + object.key.ToString();
  }
  if (changed > kShown) text += fmt::format(" and {} more", changed - kShown);
  options_.events->Add({telemetry::events::kChanged,
                        {"configuration", {}, {}, {}},
                        std::move(text),
                        request.author.who,
                        request.author.reason});
}

void Controller::OfferApplied() {
  Inputs next = held_ ? held_->inputs : inputs_;
  api::Diagnostics known = held_ ? held_->diagnostics : file_findings_;
  next.applied = applied_->manifests();
  next.Join();
  Offer(std::move(next), std::move(known));
}

std::vector<ListedObject> Controller::Objects() {
  auto objects = Ask<std::vector<ListedObject>>([this] {
    std::vector<ListedObject> out;
    const Inputs& inputs = held_ ? held_->inputs : inputs_;
    for (const manifest::ObjectText& object : inputs.files.objects) {
      out.push_back({KeyOf(object), object.text, object.labels, object.origin});
    }
    for (const manifest::ObjectText& object : inputs.applied.objects) {
      out.push_back({KeyOf(object), object.text, object.labels, object.origin, true,
                     applied_ ? applied_->GenerationOf(KeyOf(object)) : 0});
    }
    return out;
  });
  return objects ? *std::move(objects) : std::vector<ListedObject>{};
}

Result<std::vector<store::Revision>> Controller::History(int64_t limit) {
  if (!applied_) return MayChange({});
  return applied_->store().History(limit);
}

Result<std::vector<store::ChangedObject>> Controller::ChangesOf(int64_t generation) {
  if (!applied_) return MayChange({});
  return applied_->store().ChangesOf(generation);
}

}  // namespace inference::control
