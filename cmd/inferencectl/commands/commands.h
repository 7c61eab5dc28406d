#pragma once

namespace inference::ctl {

struct Answer;
struct Invocation;

// One verb each, in the file of its name.
Answer RunStatus(Invocation& run);
Answer RunGet(Invocation& run);
Answer RunPick(Invocation& run);
Answer RunWhy(Invocation& run);
Answer RunValidate(Invocation& run);
Answer RunConvert(Invocation& run);
Answer RunFmt(Invocation& run);
Answer RunExplain(Invocation& run);
Answer RunSchema(Invocation& run);
Answer RunConfigShow(Invocation& run);
Answer RunCompletion(Invocation& run);
Answer RunVersion(Invocation& run);
Answer RunHelp(Invocation& run);

}  // namespace inference::ctl
