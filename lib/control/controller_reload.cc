#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <map>
#include <set>
#include <utility>

#include "control/controller.h"

// Reading all files again because somebody asks for it, and saying what came of it.
namespace inference::control {
namespace {

using Texts = std::map<store::ObjectKey, std::string>;

Texts ByKey(const std::vector<manifest::ObjectText>& objects) {
  Texts texts;
  for (const manifest::ObjectText& object : objects) texts.emplace(KeyOf(object), object.text);
  return texts;
}

std::vector<store::ChangedObject> Difference(const Texts& before, const Texts& after) {
  std::vector<store::ChangedObject> changed;
  for (const auto& [key, text] : before) {
    const auto now = after.find(key);
    if (now == after.end()) {
      changed.push_back({key, text, std::nullopt});
    } else if (now->second != text) {
      changed.push_back({key, text, now->second});
    }
  }
  for (const auto& [key, text] : after) {
    if (!before.contains(key)) changed.push_back({key, std::nullopt, text});
  }
  return changed;
}

std::string ToText(const ReloadResult::Size& size) {
  return fmt::format("generation {}: {} pool{}, {} endpoint{}", size.generation, size.pools,
                     size.pools == 1 ? "" : "s", size.endpoints, size.endpoints == 1 ? "" : "s");
}

}  // namespace

ReloadResult::Size Controller::SizeNow() const {
  const std::shared_ptr<const picker::Runtime> runtime = runtime_.Get();
  std::set<uint32_t> endpoints;  // several pools may select one
  for (const picker::PoolRuntime& pool : runtime->pools()) {
    for (const auto& endpoint : pool.pool->endpoints()) endpoints.insert(endpoint->id());
  }
  return {runtime->generation(), runtime->pools().size(), endpoints.size()};
}

void Controller::BeginReload(ReloadRequest request, std::function<void(ReloadResult)> done) {
  auto reload = std::make_shared<PendingReload>();
  reload->request = std::move(request);
  reload->done = std::move(done);
  options_.on_reload(true);
  Post([this, reload = std::move(reload)] {
    reload->before = SizeNow();
    reload->objects = inputs_.files.objects;
    watch_->Reload([this, reload] { Post([this, reload] { reloads_.push_back(reload); }); });
  });
}

ReloadResult Controller::Reload(ReloadRequest request) {
  auto answer = std::make_shared<std::promise<ReloadResult>>();
  std::future<ReloadResult> future = answer->get_future();
  const base::Duration timeout = request.timeout;
  BeginReload(std::move(request), [answer = std::move(answer)](ReloadResult result) {
    answer->set_value(std::move(result));
  });
  ReloadResult failed;
  try {
    if (future.wait_for(timeout) == std::future_status::ready) return future.get();
    failed.status = Status(Code::kDeadlineExceeded,
                           "the files are still being read, or the change waits for DNS names");
  } catch (const std::future_error&) {
    failed.status = Status(Code::kUnavailable, "inferenced is stopping");
  }
  return failed;
}

void Controller::AnswerReloads() {
  if (held_ && !files_refused_ && !files_busy_) return;
  for (const auto& reload : std::exchange(reloads_, {})) {
    ReloadResult result = ResultOf(*reload);
    Remember(*reload, result);
    options_.on_reload(false);
    reload->done(std::move(result));
  }
}

ReloadResult Controller::ResultOf(const PendingReload& reload) const {
  ReloadResult result;
  result.before = reload.before;
  result.now = SizeNow();
  if (files_busy_) {
    result.status = Status(Code::kUnavailable,
                           "the files can't be read: inferenced has no file descriptor left; it "
                           "tries again by itself");
    return result;
  }
  result.findings = config_status().diagnostics;
  if (files_refused_) {
    result.status = Status(Code::kInvalidArgument, "the files are refused; generation " +
                                                       std::to_string(result.now.generation) +
                                                       " stays in force");
    return result;
  }
  result.objects = Difference(ByKey(reload.objects), ByKey(inputs_.files.objects));
  return result;
}

void Controller::Remember(const PendingReload& reload, const ReloadResult& result) {
  const store::Author& author = reload.request.author;
  if (author.who.empty()) return;
  spdlog::info("reload by {}{}: {}", author.who,
               author.reason.empty() ? "" : ", \"" + author.reason + "\"",
               result.status.ok() ? ToText(result.now) : result.status.message());
  KeepOperation(author, "files of the configuration", ToText(result.before),
                result.status.ok() ? ToText(result.now) : "refused");
}

void Controller::KeepOperation(const store::Author& author, std::string subject, std::string before,
                               std::string after) {
  if (!endpoint_store_ || !applied_->writable()) return;
  store::Operation operation;
  operation.at = options_.clock->WallNow();
  operation.who = author.who;
  operation.verb = author.verb;
  operation.reason = author.reason;
  operation.subject = std::move(subject);
  operation.before = std::move(before);
  operation.after = std::move(after);
  store::EndpointStore::Change change;
  change.operations.push_back(std::move(operation));
  if (const Status kept = endpoint_store_->Commit(change); !kept.ok()) {
    spdlog::error("the history has no line of this {}: {}", author.verb, kept.message());
  }
}

}  // namespace inference::control
