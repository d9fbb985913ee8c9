// Multiplies rows of int8 codes with panels of uint8 codes by plain NEON: a product of two signed
// bytes fits 16 bits, a sum of two need not.
#include "kernels/neon_panels.h"

namespace qdsl {
namespace {

struct Panel {
  template <int Rows>
  static void run(const TileOperands& of, const uint8_t* codes, int32_t* sums) {
    int32x4_t pairs[Rows][kVectors][2] = {};  // two columns each, by halves of their positions
    const int8_t* x = of.rows;
    for (int64_t s = 0; s < of.steps; ++s, codes += kPanelStep, x += kPositions) {
      int8x16_t own[Rows];
      for (int r = 0; r < Rows; ++r) own[r] = four_codes(x + r * of.row_stride);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const int8x16_t w = lowered(codes + 16 * v);
#pragma GCC unroll 6
        for (int r = 0; r < Rows; ++r) {
          const int16x8_t low = vmull_s8(vget_low_s8(w), vget_low_s8(own[r]));
          pairs[r][v][0] = vpadalq_s16(pairs[r][v][0], low);
          pairs[r][v][1] = vpadalq_s16(pairs[r][v][1], vmull_high_s8(w, own[r]));
        }
      }
    }
    for (int r = 0; r < Rows; ++r) {
      const int32x4_t rest = left_out(of.rows + r * of.row_stride, of.steps * kPositions);
      Totals totals;
      for (int v = 0; v < kVectors; ++v)
        totals[v] = vaddq_s32(vpaddq_s32(pairs[r][v][0], pairs[r][v][1]), rest);
      store(totals, sums + r * kTileColumns);
    }
  }
};

const ValueKernels defined{.tile = tiles<Panel>};
const RegisterValues registered{Isa::neon, defined};

}  // namespace
}  // namespace qdsl
