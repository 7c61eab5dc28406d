#pragma once

#include <string>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inference/result.h"
#include "inferencectl/invocation.h"
#include "manifest/lint/workspace.h"

// What the verbs apply, delete, diff and rollback have in common.
namespace inference::ctl {

/// The files of -f and of the operands; a usage error when there are none.
Result<std::vector<manifest::lint::SourceText>> GivenManifests(const Invocation& run);

/// Adds what the options say: --dry-run, --reason, --expect-generation, --prune with --selector.
/// An error is one of usage.
Status AddOptions(const Invocation& run, admin::v1::ChangeRequest& request);

/// Asks the daemon, tells the findings and what was changed, and waits when --wait says so.
/// `sources`: the files whose lines findings show.
Answer MakeChange(const Invocation& run, const admin::v1::ChangeRequest& request,
                  const std::vector<manifest::lint::SourceText>& sources);

}  // namespace inference::ctl
