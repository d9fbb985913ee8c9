// Multiplies rows of int8 codes with panels of uint8 codes by AVX-512 VNNI.
#include <immintrin.h>

#include <cstring>

#include "values/kernel.h"

namespace qdsl {
namespace {

template <int Rows, int Panels>
void tile(const TileOperands& of, int32_t* sums) {
  __m512i totals[Rows][Panels];
  for (auto& row : totals)
    for (auto& total : row) total = _mm512_setzero_si512();
  const uint8_t* panels = of.panels;
  const int8_t* x = of.rows;
  for (int64_t s = 0; s < of.steps; ++s, panels += kPanelStep, x += kPositions) {
    __m512i w[Panels];
    for (int p = 0; p < Panels; ++p) w[p] = _mm512_loadu_si512(panels + p * of.panel_stride);
    for (int r = 0; r < Rows; ++r) {
      int32_t four;
      std::memcpy(&four, x + r * of.row_stride, sizeof(four));
      const __m512i codes = _mm512_set1_epi32(four);
      for (int p = 0; p < Panels; ++p) totals[r][p] = _mm512_dpbusd_epi32(totals[r][p], w[p], codes);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(sums + r * kTileColumns + p * kColumns, totals[r][p]);
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
