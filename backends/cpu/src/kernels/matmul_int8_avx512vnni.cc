// Multiplies rows of int8 codes with panels of uint8 codes by AVX-512 VNNI.
#include <immintrin.h>

#include <cstring>

#include "values/kernel.h"

namespace qdsl {
namespace {

// Loops over sums are unrolled early: else the compiler stores every sum in every step.
template <int Rows, int Panels>
void tile(const TileOperands& of, int32_t* sums) {
  __m512i totals[Rows * Panels];
#pragma GCC unroll 24
  for (int i = 0; i < Rows * Panels; ++i) totals[i] = _mm512_setzero_si512();
  const uint8_t* panels = of.panels;
  const int8_t* x = of.rows;
  for (int64_t s = 0; s < of.steps; ++s, panels += kPanelStep, x += kPositions) {
    __m512i w[Panels];
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) w[p] = _mm512_loadu_si512(panels + p * of.panel_stride);
#pragma GCC unroll 6
    for (int r = 0; r < Rows; ++r) {
      int32_t four;
      std::memcpy(&four, x + r * of.row_stride, sizeof(four));
      const __m512i codes = _mm512_set1_epi32(four);
#pragma GCC unroll 4
      for (int p = 0; p < Panels; ++p)
        totals[r * Panels + p] = _mm512_dpbusd_epi32(totals[r * Panels + p], w[p], codes);
    }
  }
#pragma GCC unroll 24
  for (int i = 0; i < Rows * Panels; ++i)
    _mm512_storeu_si512(sums + i / Panels * kTileColumns + i % Panels * kColumns, totals[i]);
}

template <int Rows>
void of_rows(const TileOperands& of, int64_t panels, int32_t* sums) {
  constexpr decltype(&tile<1, 1>) kTiles[] = {tile<Rows, 1>, tile<Rows, 2>, tile<Rows, 3>,
                                              tile<Rows, 4>};
  kTiles[panels - 1](of, sums);
}

void tiles(const TileOperands& of, int64_t rows, int64_t panels, int32_t* sums) {
  constexpr decltype(&of_rows<1>) kRows[] = {of_rows<1>, of_rows<2>, of_rows<3>,
                                             of_rows<4>, of_rows<5>, of_rows<6>};
  static_assert(std::size(kRows) == kTileRows);
  kRows[rows - 1](of, panels, sums);
}

const ValueKernels defined{.tile = tiles};
const RegisterValues registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
