#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/envelope.h"
#include "inferencectl/invocation.h"
#include "manifest/lint/workspace.h"

// What a change of applied objects did, or would do.
namespace inference::ctl {

/// "created", "changed", "unchanged" or "deleted"
std::string_view WhatName(admin::v1::ObjectChange::What what);
Json KeyJson(const admin::v1::ObjectKey& key);
/// `texts`: before and after too.
Json ObjectChangeJson(const admin::v1::ObjectChange& change, bool texts);
using Findings = google::protobuf::RepeatedPtrField<admin::v1::Diagnostic>;
Json FindingsJson(const Findings& findings);

/// The differences of all objects as one unified diff; empty when there are none.
std::string DiffText(const google::protobuf::RepeatedPtrField<admin::v1::ObjectChange>& objects);
/// A unified diff with colours.
std::string PaintDiff(std::string_view diff, bool color);

/// Tells of the findings on standard error, with lines of the files that were given.
void TellFindings(const Invocation& run, const Findings& findings,
                  const std::vector<manifest::lint::SourceText>& sources);

/// How a refused change ends; on standard output the Error document when a machine asks.
/// REQUIRES: it was refused.
Answer Refused(const Invocation& run, const admin::v1::ChangeResponse& response);

}  // namespace inference::ctl
