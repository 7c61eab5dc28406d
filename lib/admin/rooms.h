#pragma once

#include "control/changes.h"
#include "control/control_view.h"
#include "picker/decision_record.h"

namespace inference::admin {

/// What the admin API speaks for; all of it outlives the server.
struct Rooms {
  const control::ControlView& view;
  control::ControlActions& actions;
  picker::DecisionSource* decisions;  // may be null: Why finds nothing
};

}  // namespace inference::admin
