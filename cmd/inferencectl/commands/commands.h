#pragma once

namespace inference::ctl {

struct Answer;
struct Invocation;

// One verb each, in the file of its name.
Answer RunStatus(Invocation& run);
Answer RunGet(Invocation& run);
Answer RunDescribe(Invocation& run);
Answer RunPick(Invocation& run);
Answer RunWhy(Invocation& run);
Answer RunValidate(Invocation& run);
Answer RunConvert(Invocation& run);
Answer RunFmt(Invocation& run);
Answer RunApply(Invocation& run);  // apply.cc, with delete and diff
Answer RunDelete(Invocation& run);
Answer RunDiff(Invocation& run);
Answer RunHistory(Invocation& run);  // history.cc, with rollback
Answer RunRollback(Invocation& run);
Answer RunDrain(Invocation& run);  // drain.cc, with the three after it
Answer RunDrainStatus(Invocation& run);
Answer RunUndrain(Invocation& run);
Answer RunCordon(Invocation& run);
Answer RunEndpointWeight(Invocation& run);
Answer RunEvents(Invocation& run);
Answer RunTrafficGet(Invocation& run);
Answer RunTrafficSet(Invocation& run);  // traffic_set.cc
Answer RunTrafficVerify(Invocation& run);
Answer RunDaemonReload(Invocation& run);
Answer RunDaemonStop(Invocation& run);
Answer RunTest(Invocation& run);
Answer RunExplain(Invocation& run);
Answer RunSchema(Invocation& run);
Answer RunConfigCheck(Invocation& run);  // validate.cc
Answer RunConfigMigrate(Invocation& run);
Answer RunConfigShow(Invocation& run);
Answer RunCompletion(Invocation& run);
Answer RunVersion(Invocation& run);
Answer RunHelp(Invocation& run);

}  // namespace inference::ctl
