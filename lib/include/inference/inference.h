#pragma once

/// The public API of libinference. Names outside `inference::` inline namespace `v0` are not part
/// of it.

#include "inference/picker.h"
#include "inference/result.h"
#include "inference/status.h"
#include "inference/version.h"
