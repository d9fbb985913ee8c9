// Multiplies rows of int8 codes with panels of uint8 codes by AVX2, in 16-bit operands: byte products
// of 255 * 128 would saturate.
#include <immintrin.h>

#include <cstring>

#include "values/kernel.h"

namespace qdsl {
namespace {

// Positions 0 and 2 of four bytes, and 1 and 3, as pairs of 16 bits.
struct Pairs {
  __m256i even, odd;
};

Pairs unsigned_pairs(const uint8_t* codes) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
  return {_mm256_and_si256(bytes, _mm256_set1_epi16(255)), _mm256_srli_epi16(bytes, 8)};
}

Pairs signed_pairs(const int8_t* codes) {
  int32_t four;
  std::memcpy(&four, codes, sizeof(four));
  const __m256i bytes = _mm256_set1_epi32(four);
  return {_mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8), _mm256_srai_epi16(bytes, 8)};
}

// One panel, as halves of 8 columns. Loops over sums are unrolled early, so that they stay in
// registers.
template <int Rows>
void panel(const TileOperands& of, const uint8_t* codes, int32_t* sums) {
  __m256i totals[2 * Rows];
#pragma GCC unroll 6
  for (int i = 0; i < 2 * Rows; ++i) totals[i] = _mm256_setzero_si256();
  const int8_t* x = of.rows;
  for (int64_t s = 0; s < of.steps; ++s, codes += kPanelStep, x += kPositions) {
    const Pairs w[2] = {unsigned_pairs(codes), unsigned_pairs(codes + 32)};
#pragma GCC unroll 3
    for (int r = 0; r < Rows; ++r) {
      const Pairs own = signed_pairs(x + r * of.row_stride);
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const __m256i even = _mm256_madd_epi16(w[h].even, own.even);
        const __m256i odd = _mm256_madd_epi16(w[h].odd, own.odd);
        totals[2 * r + h] = _mm256_add_epi32(totals[2 * r + h], _mm256_add_epi32(even, odd));
      }
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < 2 * Rows; ++i)
    _mm256_storeu_si256(
        reinterpret_cast<__m256i*>(sums + i / 2 * kTileColumns + i % 2 * (kColumns / 2)),
        totals[i]);
}

template <int Rows>
void panels_of(const TileOperands& of, int64_t panels, int32_t* sums) {
  for (int64_t p = 0; p < panels; ++p)
    panel<Rows>(of, of.panels + p * of.panel_stride, sums + p * kColumns);
}

void tiles(const TileOperands& of, int64_t rows, int64_t panels, int32_t* sums) {
  TileOperands part = of;
  for (; rows >= 3; rows -= 3, part.rows += 3 * of.row_stride, sums += 3 * kTileColumns)
    panels_of<3>(part, panels, sums);
  if (rows == 2) panels_of<2>(part, panels, sums);
  if (rows == 1) panels_of<1>(part, panels, sums);
}

const ValueKernels defined{.tile = tiles};
const RegisterValues registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
