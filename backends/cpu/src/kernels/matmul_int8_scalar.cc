// Multiplies rows of int8 codes with panels of uint8 codes: the definition of the others.
#include "values/kernel.h"

namespace qdsl {
namespace {

void tiles(const TileOperands& of, int64_t rows, int64_t panels, int32_t* sums) {
  for (int64_t r = 0; r < rows; ++r) {
    const int8_t* x = of.rows + r * of.row_stride;
    for (int64_t n = 0; n < panels * kColumns; ++n) {
      const uint8_t* codes =
          of.panels + n / kColumns * of.panel_stride + n % kColumns * kPositions;
      int32_t sum = 0;
      for (int64_t k = 0; k < of.steps * kPositions; ++k)
        sum += x[k] * codes[k / kPositions * kPanelStep + k % kPositions];
      sums[r * kTileColumns + n] = sum;
    }
  }
}

const ValueKernels defined{.tile = tiles};
const RegisterValues registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
