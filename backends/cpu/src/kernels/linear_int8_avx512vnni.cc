// Multiplies int8 activations with packed weights by AVX-512 VNNI: the weight's code is the
// unsigned operand, the activation's the signed one, and nothing saturates. A 32-bit sum may wrap
// around on its way, but not in the end: the scalar kernel serves what is Weight::wide.
#include <immintrin.h>

#include <cstring>

#include "kernel.h"

namespace qdsl {
namespace {

// Codes i of the bytes of a step: 16 outputs x 4 positions.
template <int Bits>
__m512i unpack(__m512i step, int i) {
  if constexpr (Bits == 8) return step;
  const __m512i mask = _mm512_set1_epi8(Bits == 1 ? 2 : (1 << Bits) - 1);
  if (Bits == 1 && i == 0) return _mm512_and_si512(_mm512_add_epi8(step, step), mask);
  const int shift = Bits == 1 ? i - 1 : Bits * i;
  return _mm512_and_si512(_mm512_srli_epi16(step, shift), mask);
}

__m512i four_activations(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof(four));
  return _mm512_set1_epi32(four);
}

// sums += the products of `steps` steps. Inlined, so that they stay in registers.
template <int Bits, int Rows, int Panels>
QDSL_INLINE void accumulate(const uint8_t* const (&codes)[Panels], const int8_t* const (&x)[Rows],
                            int64_t steps, __m512i (&sums)[Rows][Panels]) {
  constexpr int kCodes = 8 / Bits;
  for (int64_t s = 0; s < steps; ++s) {
    __m512i step[Panels];
    for (int p = 0; p < Panels; ++p) step[p] = _mm512_loadu_si512(codes[p] + s * kStepBytes);
#pragma GCC unroll 8
    for (int i = 0; i < kCodes; ++i) {
      __m512i u[Panels];
      for (int p = 0; p < Panels; ++p) u[p] = unpack<Bits>(step[p], i);
      for (int r = 0; r < Rows; ++r) {
        const __m512i four = four_activations(x[r] + (s * kCodes + i) * 4);
        for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], u[p], four);
      }
    }
  }
}

// -centre * (sum of the activations): where the sum of a group starts.
__m512i start(const Weight& w, int64_t entry, int32_t sum) {
  if (!w.centres) return _mm512_set1_epi32(static_cast<int32_t>(-int64_t{w.centre} * sum));
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(w.centres + entry));
  return _mm512_mullo_epi32(_mm512_cvtepu8_epi32(bytes), _mm512_set1_epi32(-sum));
}

__m512 scaled(const Weight& w, int64_t entry, __m512i sum, int32_t activations) {
  const __m512 term = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(w.scales + entry));
  if (!w.shifts) return term;
  const __m512 activation_sum = _mm512_set1_ps(static_cast<float>(activations));
  return _mm512_sub_ps(term, _mm512_mul_ps(activation_sum, _mm512_loadu_ps(w.shifts + entry)));
}

void store(const Weight& w, const Output& out, int64_t row, int64_t panel, __m512 total,
           float scale) {
  const int64_t n = panel * kLanes, valid = w.outputs - n;
  const __mmask16 mask = valid >= kLanes ? 0xffff : (1u << valid) - 1;
  __m512 y = _mm512_mul_ps(total, _mm512_set1_ps(scale));
  if (out.bias)
    y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, out.bias + row * out.bias_stride + n));
  _mm512_mask_storeu_ps(out.values + row * w.outputs + n, mask, y);
}

template <int Bits, int Rows, int Panels>
void tile(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Output& out) {
  __m512 totals[Rows][Panels];
  for (auto& of_row : totals)
    for (__m512& total : of_row) total = _mm512_setzero_ps();
  const uint8_t* codes[Panels];
  const int8_t* x[Rows];
  for (int p = 0; p < Panels; ++p) codes[p] = w.panel_codes(panel + p);
  for (int r = 0; r < Rows; ++r) x[r] = t.codes + (row + r) * t.stride;

  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t steps = w.steps_of(g);
    const int32_t* activations = t.sums + row * w.groups + g;  // of row r at r * groups
    __m512i sums[Rows][Panels];
    for (int r = 0; r < Rows; ++r)
      for (int p = 0; p < Panels; ++p)
        sums[r][p] = start(w, w.entry(panel + p, g), activations[r * w.groups]);
    accumulate<Bits, Rows, Panels>(codes, x, steps, sums);
    for (int r = 0; r < Rows; ++r)
      for (int p = 0; p < Panels; ++p)
        totals[r][p] = _mm512_add_ps(totals[r][p], scaled(w, w.entry(panel + p, g), sums[r][p],
                                                          activations[r * w.groups]));
    for (auto& pointer : codes) pointer += steps * kStepBytes;
    for (auto& pointer : x) pointer += steps * w.step;
  }
  for (int r = 0; r < Rows; ++r)
    for (int p = 0; p < Panels; ++p)
      store(w, out, row + r, panel + p, totals[r][p], t.scales[row + r]);
}

// As many rows at a time as are left, of Rows and then of each of Fewer.
template <int Bits, int Panels, int Rows, int... Fewer>
void all_rows(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Output& out) {
  for (; row + Rows <= t.rows; row += Rows) tile<Bits, Rows, Panels>(w, t, row, panel, out);
  if constexpr (sizeof...(Fewer) > 0)
    all_rows<Bits, Panels, Fewer...>(w, t, row, panel, out);
}

template <int Bits>
void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out) {
  for (; first + 4 <= last; first += 4) all_rows<Bits, 4, 4, 2, 1>(w, t, 0, first, out);
  for (; first + 2 <= last; first += 2) all_rows<Bits, 2, 4, 2, 1>(w, t, 0, first, out);
  if (first < last) all_rows<Bits, 1, 4, 2, 1>(w, t, 0, first, out);
}

const Kernels defined{.linear_int8 = {linear<1>, linear<2>, linear<4>, linear<8>}};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
