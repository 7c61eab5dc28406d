#pragma once

#include <string>
#include <vector>

#include "control/changes.h"
#include "inference/admin/v1/admin.pb.h"

// Changes of the applied state and their history, as messages of inference.admin.v1. Pure
// functions.
namespace inference::admin {

/// `who` asks for it, as the operating system says.
control::ChangeRequest ToRequest(const v1::ChangeRequest& request, std::string who);
/// An error is one that no answer can tell: the daemon is stopping, the disk is full.
Status FillChange(const control::ChangeResult& result, v1::ChangeResponse* out);
/// An error is one that no answer can tell, as above.
Status FillReload(const control::ReloadResult& result, v1::ReloadResponse* out);
/// The same for a stop: a guard's refusal is an answer.
Status FillStop(const control::StopAnswer& answer, v1::StopResponse* out);
void FillObject(const control::ListedObject& object, v1::Object* out);
void FillRevision(const store::Revision& revision, v1::Revision* out);
/// With the texts, for the one generation that is asked for.
void FillTexts(const std::vector<store::ChangedObject>& objects, v1::Revision* out);

}  // namespace inference::admin
