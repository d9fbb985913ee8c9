// Multiplies rows of int8 codes with panels of uint8 codes by dot products of signed bytes.
#include "kernels/neon_panels.h"

namespace qdsl {
namespace {

struct Panel {
  template <int Rows>
  static void run(const TileOperands& of, const uint8_t* codes, int32_t* sums) {
    Totals totals[Rows];
    for (int r = 0; r < Rows; ++r)
      for (int32x4_t& total : totals[r])
        total = left_out(of.rows + r * of.row_stride, of.steps * kPositions);
    const int8_t* x = of.rows;
    for (int64_t s = 0; s < of.steps; ++s, codes += kPanelStep, x += kPositions) {
      int8x16_t w[kVectors];
      for (int v = 0; v < kVectors; ++v) w[v] = lowered(codes + 16 * v);
#pragma GCC unroll 6
      for (int r = 0; r < Rows; ++r) {
        const int8x16_t own = four_codes(x + r * of.row_stride);
        for (int v = 0; v < kVectors; ++v) totals[r][v] = vdotq_s32(totals[r][v], w[v], own);
      }
    }
    for (int r = 0; r < Rows; ++r) store(totals[r], sums + r * kTileColumns);
  }
};

const ValueKernels defined{.tile = tiles<Panel>};
const RegisterValues registered{Isa::neondot, defined};

}  // namespace
}  // namespace qdsl
