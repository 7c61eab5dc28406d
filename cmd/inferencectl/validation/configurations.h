#pragma once

#include "api/diagnostic.h"
#include "manifest/lint/lint.h"

namespace inference::ctl {

/// What the plugins and the readers of metrics themselves say. A plugin that this build lacks is a
/// mistake only where inferenced is to have it; else the file may be the reference picker's.
void CheckConfigurations(const manifest::lint::Configurations& configurations,
                         api::Diagnostics& out);

}  // namespace inference::ctl
