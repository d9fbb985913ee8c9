// Declares the comparison of instruction sets over random weights.
#pragma once

#include "check.h"

namespace qdsl {

void run_grid(Tally& tally);

}  // namespace qdsl
