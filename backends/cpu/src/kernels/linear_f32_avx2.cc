// Multiplies float activations with packed weights by AVX2: codes become floats in registers.
#include <immintrin.h>

#include "kernel.h"

namespace qdsl {
namespace {

// Positions summed in one register, and sums of those added up, before a total takes them in with
// compensation: what keeps the error independent of how long a group is.
constexpr int64_t kBlock = 16;
constexpr int64_t kBlocks = 8;

__m256 centres_of(const Weight& w, int64_t entry) {
  if (!w.centres) return _mm256_set1_ps(static_cast<float>(w.centre));
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(w.centres + entry));
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
}

// The code at bit `shift` of each 32-bit word, as a float less its centre.
template <int Bits>
__m256 decode(__m256i half, int shift, __m256 centre) {
  const __m256i mask = _mm256_set1_epi32(Bits == 1 ? 2 : (1 << Bits) - 1);
  // A 1-bit code reads as 0 or 2: it is left one bit higher.
  const __m256i word = Bits == 1 && shift == 0 ? _mm256_add_epi32(half, half)
                                               : _mm256_srli_epi32(half, shift - (Bits == 1));
  return _mm256_sub_ps(_mm256_cvtepi32_ps(_mm256_and_si256(word, mask)), centre);
}

// The two halves of a panel's 16 outputs.
using Halves = __m256[2];

// sums = the products of `steps` steps. Inlined, so that they stay in registers.
template <int Bits, int Rows>
QDSL_INLINE void multiply(const uint8_t* codes, const float* const (&x)[Rows], int64_t steps,
                          const Halves& centres, Halves (&sums)[Rows]) {
  constexpr int kPositions = 32 / Bits;  // in a word
  for (Halves& sum : sums) sum[0] = sum[1] = _mm256_setzero_ps();
  for (int64_t s = 0; s < steps; ++s) {
    const auto* bytes = reinterpret_cast<const __m256i*>(codes + s * kStepBytes);
    const __m256i step[2] = {_mm256_loadu_si256(bytes), _mm256_loadu_si256(bytes + 1)};
#pragma GCC unroll 32
    for (int k = 0; k < kPositions; ++k) {
      const int shift = 8 * (k % 4) + Bits * (k / 4);
      const Halves values = {decode<Bits>(step[0], shift, centres[0]),
                             decode<Bits>(step[1], shift, centres[1])};
      for (int r = 0; r < Rows; ++r) {
        const __m256 activation = _mm256_set1_ps(x[r][s * kPositions + k]);
        for (int h = 0; h < 2; ++h)
          sums[r][h] = _mm256_fmadd_ps(values[h], activation, sums[r][h]);
      }
    }
  }
}

// Kahan's sum, in which an infinity stays one.
struct Total {
  __m256 value, error;

  void add(__m256 term) {
    const __m256 corrected = _mm256_sub_ps(term, error);
    const __m256 next = _mm256_add_ps(value, corrected);
    const __m256 lost = _mm256_sub_ps(_mm256_sub_ps(next, value), corrected);
    error = _mm256_and_ps(_mm256_cmp_ps(lost, lost, _CMP_ORD_Q), lost);
    value = next;
  }
};

float sum_of(const float* x, int64_t count) {
  double sum = 0;
  for (int64_t k = 0; k < count; ++k) sum += x[k];
  return static_cast<float>(sum);
}

// The share of `count` positions, those that end at x.
__m256 scaled(const Weight& w, int64_t entry, __m256 sum, const float* x, int64_t count) {
  const __m256 term = _mm256_mul_ps(sum, _mm256_loadu_ps(w.scales + entry));
  if (!w.shifts) return term;
  const __m256 activations = _mm256_set1_ps(sum_of(x - count, count));
  return _mm256_sub_ps(term, _mm256_mul_ps(activations, _mm256_loadu_ps(w.shifts + entry)));
}

void store(const Weight& w, const Output& out, int64_t row, int64_t n, __m256 total) {
  alignas(32) float lanes[8];
  _mm256_store_ps(lanes, total);
  const int64_t valid = w.outputs - n < 8 ? w.outputs - n : 8;
  float* y = out.values + row * w.outputs + n;
  const float* bias = out.bias ? out.bias + row * out.bias_stride + n : nullptr;
  for (int64_t i = 0; i < valid; ++i) y[i] = bias ? lanes[i] + bias[i] : lanes[i];
}

// sums = the products of the next steps, at most `left` and kBlocks blocks of them. Returns how
// many they are, and moves codes and x past them.
template <int Bits, int Rows>
QDSL_INLINE int64_t add_blocks(const uint8_t*& codes, const float* (&x)[Rows], int64_t left,
                               const Halves& centres, Halves (&sums)[Rows]) {
  constexpr int64_t kBlockSteps = kBlock * Bits < 32 ? 1 : kBlock * Bits / 32;
  int64_t done = 0;
  for (int64_t block = 0; block < kBlocks && done < left; ++block) {
    const int64_t steps = left - done < kBlockSteps ? left - done : kBlockSteps;
    Halves sum[Rows];
    multiply<Bits, Rows>(codes, x, steps, centres, sum);
    for (int r = 0; r < Rows; ++r)
      for (int h = 0; h < 2; ++h) sums[r][h] = _mm256_add_ps(sums[r][h], sum[r][h]);
    codes += steps * kStepBytes;
    for (auto& pointer : x) pointer += steps * (32 / Bits);
    done += steps;
  }
  return done;
}

template <int Bits, int Rows>
void tile(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Output& out) {
  Total totals[Rows][2] = {};
  const uint8_t* codes = w.panel_codes(panel);
  const float* x[Rows];
  for (int r = 0; r < Rows; ++r) x[r] = t.values + (row + r) * t.stride;

  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t entry = w.entry(panel, g);
    const Halves centres = {centres_of(w, entry), centres_of(w, entry + 8)};
    for (int64_t left = w.steps_of(g); left > 0;) {
      Halves sums[Rows] = {};
      const int64_t steps = add_blocks<Bits, Rows>(codes, x, left, centres, sums);
      for (int r = 0; r < Rows; ++r)
        for (int h = 0; h < 2; ++h)
          totals[r][h].add(scaled(w, entry + 8 * h, sums[r][h], x[r], steps * w.step));
      left -= steps;
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int h = 0; h < 2; ++h)
      store(w, out, row + r, panel * kLanes + 8 * h, totals[r][h].value);
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

const Kernels defined{.linear_f32 = {linear<1>, linear<2>, linear<4>, linear<8>}};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
