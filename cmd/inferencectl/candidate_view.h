#pragma once

#include <string>

#include "inference/admin/v1/admin.pb.h"
#include "inferencectl/envelope.h"
#include "inferencectl/table.h"

// What pick and why have in common: candidates with their scores, and what the scorers looked at.
namespace inference::ctl {

using Columns = google::protobuf::RepeatedPtrField<admin::v1::ScoreColumn>;
using Candidates = google::protobuf::RepeatedPtrField<admin::v1::Candidate>;

/// One row per candidate: per scorer its score and, behind the arrow, what it adds to the total.
Table ScoreTable(const Columns& columns, const Candidates& candidates, const std::string& picker);
/// One row per candidate: waiting, running, KV cache, in flight, prefix match, age.
Table SeenTable(const Candidates& candidates, uint32_t prefix_total);

Json ColumnsJson(const Columns& columns);
Json CandidatesJson(const Columns& columns, const Candidates& candidates);
Json RefusalJson(const admin::v1::Refusal& refusal);

/// The endpoint's name, or its address when it has none any more.
std::string CandidateName(const admin::v1::Candidate& candidate);

}  // namespace inference::ctl
