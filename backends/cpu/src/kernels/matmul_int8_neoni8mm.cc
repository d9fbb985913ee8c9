// Multiplies rows of int8 codes with panels of uint8 codes by products of matrices: two columns x
// two rows x the eight positions of two steps.
#include "kernels/neon_panels.h"

namespace qdsl {
namespace {

// Codes of four columns, two and two, at eight positions.
struct Columns8 {
  uint8x16_t two[2];

  QDSL_INLINE Columns8(uint8x16_t first, uint8x16_t second) {
    const uint32x4_t a = vreinterpretq_u32_u8(first), b = vreinterpretq_u32_u8(second);
    two[0] = vreinterpretq_u8_u32(vzip1q_u32(a, b));
    two[1] = vreinterpretq_u8_u32(vzip2q_u32(a, b));
  }
};

struct Panel {
  template <int Rows>
  static void run(const TileOperands& of, const uint8_t* codes, int32_t* sums) {
    constexpr int kPairs = (Rows + 1) / 2;  // of rows, the last maybe with itself
    const int8_t* x[kPairs][2];
    for (int p = 0; p < kPairs; ++p)
      for (int i = 0; i < 2; ++i)
        x[p][i] = of.rows + (2 * p + i < Rows ? 2 * p + i : 2 * p) * of.row_stride;
    int32x4_t squares[kPairs][kVectors][2] = {};  // [two columns][two rows]
    int64_t s = 0;
    for (; s + 2 <= of.steps; s += 2, codes += 2 * kPanelStep) {
      int8x16_t own[kPairs];
      for (int p = 0; p < kPairs; ++p) {
        own[p] = vcombine_s8(vld1_s8(x[p][0]), vld1_s8(x[p][1]));
        for (const int8_t*& row : x[p]) row += 2 * kPositions;
      }
      multiply(own, codes, [&](int v) { return vld1q_u8(codes + kPanelStep + 16 * v); }, squares);
    }
    if (s < of.steps) {
      int8x16_t own[kPairs];
      for (int p = 0; p < kPairs; ++p)
        own[p] = vcombine_s8(vget_low_s8(four_codes(x[p][0])), vget_low_s8(four_codes(x[p][1])));
      multiply(own, codes, [](int) { return vdupq_n_u8(0); }, squares);
    }
    for (int r = 0; r < Rows; ++r)
      for (int v = 0; v < kVectors; ++v)
        vst1q_s32(sums + r * kTileColumns + 4 * v, row_of(squares[r / 2][v], r % 2));
  }

 private:
  template <int Pairs, class Second>
  QDSL_INLINE static void multiply(const int8x16_t (&own)[Pairs], const uint8_t* codes,
                                   Second second, int32x4_t (&squares)[Pairs][kVectors][2]) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const Columns8 w(vld1q_u8(codes + 16 * v), second(v));
      for (int p = 0; p < Pairs; ++p)
        for (int h = 0; h < 2; ++h)
          squares[p][v][h] = vusmmlaq_s32(squares[p][v][h], w.two[h], own[p]);
    }
  }

  QDSL_INLINE static int32x4_t row_of(const int32x4_t (&square)[2], int i) {
    return i ? vuzp2q_s32(square[0], square[1]) : vuzp1q_s32(square[0], square[1]);
  }
};

const ValueKernels defined{.tile = tiles<Panel>};
const RegisterValues registered{Isa::neoni8mm, defined};

}  // namespace
}  // namespace qdsl
