// Holds what the products of rows with panels of codes have in common on ARM.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <iterator>

#include "values/kernel.h"
#include "weight.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

inline constexpr int kVectors = kColumns / 4;  // of 4 columns x 4 positions in a step

using Totals = int32x4_t[kVectors];  // of 16 columns

// Four codes of a row, four times.
QDSL_INLINE int8x16_t four_codes(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof(four));
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

// Codes of a step as s8, 128 less than they are.
QDSL_INLINE int8x16_t lowered(const uint8_t* codes) {
  return vreinterpretq_s8_u8(veorq_u8(vld1q_u8(codes), vdupq_n_u8(0x80)));
}

// 128 times the sum of a row: what multiplying lowered codes leaves out. It may wrap, like any sum
// before it is whole.
inline int32x4_t left_out(const int8_t* x, int64_t count) {
  uint32_t sum = 0;
  for (int64_t k = 0; k < count; ++k) sum += static_cast<uint32_t>(int32_t{x[k]});
  return vreinterpretq_s32_u32(vdupq_n_u32(sum << 7));
}

QDSL_INLINE void store(const Totals& totals, int32_t* sums) {
  for (int v = 0; v < kVectors; ++v) vst1q_s32(sums + 4 * v, totals[v]);
}

// The `tile` of ValueKernels, of functions Panel::run<Rows>(operands, a panel's codes, sums).
template <class Panel>
void tiles(const TileOperands& of, int64_t rows, int64_t panels, int32_t* sums) {
  using Run = void (*)(const TileOperands&, const uint8_t*, int32_t*);
  constexpr Run kRows[] = {Panel::template run<1>, Panel::template run<2>, Panel::template run<3>,
                           Panel::template run<4>, Panel::template run<5>, Panel::template run<6>};
  static_assert(std::size(kRows) == kTileRows);
  for (int64_t p = 0; p < panels; ++p)
    kRows[rows - 1](of, of.panels + p * of.panel_stride, sums + p * kColumns);
}

}  // namespace
}  // namespace qdsl
