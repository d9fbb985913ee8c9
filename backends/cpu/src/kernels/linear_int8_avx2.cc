// Multiplies int8 activations with packed weights by AVX2, in 16-bit sums that cannot saturate.
#include <immintrin.h>

#include <cstring>

#include "kernel.h"

namespace qdsl {
namespace {

// An 8-bit code is multiplied as u - 128, a narrower one as u.
template <int Bits>
constexpr int kOrigin = Bits == 8 ? 128 : 0;

template <int Bits>
constexpr int kLargest = Bits == 1 ? 2 : (1 << Bits) - 1;

// A step adds 8 / Bits pairs of products to a 16-bit sum; at 8 bits |-128| * 127 is the largest.
static_assert(2 * 128 * 127 <= 32767);
static_assert(8 * 2 * kLargest<1> * 127 <= 32767 && 4 * 2 * kLargest<2> * 127 <= 32767 &&
              2 * 2 * kLargest<4> * 127 <= 32767);

// Codes i of the bytes of half a step: 8 outputs x 4 positions.
template <int Bits>
__m256i unpack(__m256i half, int i) {
  const __m256i mask = _mm256_set1_epi8(kLargest<Bits>);
  if (Bits == 1 && i == 0) return _mm256_and_si256(_mm256_add_epi8(half, half), mask);
  const int shift = Bits == 1 ? i - 1 : Bits * i;
  return _mm256_and_si256(_mm256_srli_epi16(half, shift), mask);
}

__m256i four_activations(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof(four));
  return _mm256_set1_epi32(four);
}

// Pairs of products of one half step for every row, as 16-bit sums.
template <int Bits, int Rows>
void pairs_of(__m256i half, const int8_t* const (&x)[Rows], __m256i (&pairs)[Rows]) {
  if constexpr (Bits == 8) {
    const __m256i w = _mm256_xor_si256(half, _mm256_set1_epi8(static_cast<char>(0x80)));
    const __m256i magnitude = _mm256_abs_epi8(w);
    for (int r = 0; r < Rows; ++r)
      pairs[r] = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(four_activations(x[r]), w));
  } else {
    for (auto& pair : pairs) pair = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int i = 0; i < 8 / Bits; ++i) {
      const __m256i u = unpack<Bits>(half, i);
      for (int r = 0; r < Rows; ++r)
        pairs[r] = _mm256_add_epi16(pairs[r],
                                    _mm256_maddubs_epi16(u, four_activations(x[r] + 4 * i)));
    }
  }
}

// The two halves of a panel's 16 outputs.
struct Sums {
  __m256i half[2];
};

// sums += the products of `steps` steps. Inlined, so that they stay in registers.
template <int Bits, int Rows>
QDSL_INLINE void accumulate(const uint8_t* codes, const int8_t* const (&from)[Rows], int64_t steps,
                            Sums (&sums)[Rows]) {
  const __m256i ones = _mm256_set1_epi16(1);
  const int8_t* x[Rows];
  for (int r = 0; r < Rows; ++r) x[r] = from[r];
  for (int64_t s = 0; s < steps; ++s) {
    for (int h = 0; h < 2; ++h) {
      const auto* bytes = reinterpret_cast<const __m256i*>(codes + s * kStepBytes + h * 32);
      __m256i pairs[Rows];
      pairs_of<Bits, Rows>(_mm256_loadu_si256(bytes), x, pairs);
      for (int r = 0; r < Rows; ++r)
        sums[r].half[h] = _mm256_add_epi32(sums[r].half[h], _mm256_madd_epi16(pairs[r], ones));
    }
    for (auto& pointer : x) pointer += 4 * (8 / Bits);
  }
}

// (origin - centre) * (sum of the activations): where the sum of a group starts.
template <int Bits>
__m256i start(const Weight& w, int64_t entry, int32_t sum) {
  if (!w.centres)
    return _mm256_set1_epi32(static_cast<int32_t>(int64_t{kOrigin<Bits> - w.centre} * sum));
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(w.centres + entry));
  const __m256i centres = _mm256_cvtepu8_epi32(bytes);
  return _mm256_mullo_epi32(_mm256_sub_epi32(_mm256_set1_epi32(kOrigin<Bits>), centres),
                            _mm256_set1_epi32(sum));
}

__m256 scaled(const Weight& w, int64_t entry, __m256i sum, int32_t activations) {
  const __m256 term = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(w.scales + entry));
  if (!w.shifts) return term;
  const __m256 activation_sum = _mm256_set1_ps(static_cast<float>(activations));
  return _mm256_sub_ps(term, _mm256_mul_ps(activation_sum, _mm256_loadu_ps(w.shifts + entry)));
}

void store(const Weight& w, const Output& out, int64_t row, int64_t panel,
           const __m256 (&totals)[2], float scale) {
  alignas(32) float lanes[kLanes];
  _mm256_store_ps(lanes, totals[0]);
  _mm256_store_ps(lanes + 8, totals[1]);
  const int64_t n = panel * kLanes, valid = w.outputs - n < kLanes ? w.outputs - n : kLanes;
  float* y = out.values + row * w.outputs + n;
  const float* bias = out.bias ? out.bias + row * out.bias_stride + n : nullptr;
  for (int64_t i = 0; i < valid; ++i) y[i] = bias ? lanes[i] * scale + bias[i] : lanes[i] * scale;
}

template <int Bits, int Rows>
void tile(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Output& out) {
  __m256 totals[Rows][2];
  for (auto& of_row : totals) of_row[0] = of_row[1] = _mm256_setzero_ps();
  const uint8_t* codes = w.panel_codes(panel);
  const int8_t* x[Rows];
  for (int r = 0; r < Rows; ++r) x[r] = t.codes + (row + r) * t.stride;

  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t steps = w.steps_of(g), entry = w.entry(panel, g);
    const int32_t* activations = t.sums + row * w.groups + g;  // of row r at r * groups
    Sums sums[Rows];
    for (int r = 0; r < Rows; ++r)
      for (int h = 0; h < 2; ++h)
        sums[r].half[h] = start<Bits>(w, entry + 8 * h, activations[r * w.groups]);
    accumulate<Bits, Rows>(codes, x, steps, sums);
    for (int r = 0; r < Rows; ++r)
      for (int h = 0; h < 2; ++h)
        totals[r][h] = _mm256_add_ps(
            totals[r][h], scaled(w, entry + 8 * h, sums[r].half[h], activations[r * w.groups]));
    codes += steps * kStepBytes;
    for (auto& pointer : x) pointer += steps * w.step;
  }
  for (int r = 0; r < Rows; ++r) store(w, out, row + r, panel, totals[r], t.scales[row + r]);
}

template <int Bits>
void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out) {
  for (int64_t panel = first; panel < last; ++panel) {
    int64_t row = 0;
    for (; row + 4 <= t.rows; row += 4) tile<Bits, 4>(w, t, row, panel, out);
    for (; row + 2 <= t.rows; row += 2) tile<Bits, 2>(w, t, row, panel, out);
    if (row < t.rows) tile<Bits, 1>(w, t, row, panel, out);
  }
}

const Kernels defined{.linear_int8 = {linear<1>, linear<2>, linear<4>, linear<8>}};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
