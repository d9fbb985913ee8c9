// Adds the sums of float products to the totals of their outputs, in AVX-512.
//
// A sum starts anew after some steps, a chunk, and is then scaled and added to a total: errors stay
// small, and the result of a row is the same for every number of rows. A word is 32 bits of
// activations and of each output's weight.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernel.h"
#include "kernels/entries_avx512.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// An arithmetic A has A::kPositions positions in a word.
template <class A>
constexpr int64_t kWords = 4 / A::kPositions;  // of a quad
template <class A>
constexpr int64_t kStepWords = kStep / A::kPositions;

// Steps of a chunk. The roundings of n additions of one sign err by 0.24 n / sqrt(K) units of 2^-24
// of a row's sum, the more chunks the less: n is up to 4 sqrt(K), at most 256. Products of bf16 are
// exact in f32, so that their chunks are longer at least.
template <class A>
int64_t chunk_steps(const Weight& w) {
  int64_t steps = A::kPositions;
  while (steps < 8 && 4 * steps * steps * kStep * kStep <= 16 * w.in_features) steps *= 2;
  return steps;
}

// Of all rows of a block: sums [rows, 64], and what they lost, or null; added to every `chunk` steps.
struct Totals {
  float* sums;
  float* lost;
  int64_t chunk;
};

// Totals of few terms, for the bound of their scales, need no compensation.
inline bool is_compensated(const Weight& w, int64_t chunk) {
  const int64_t chunks = w.groups * ((w.group_steps + chunk - 1) / chunk);
  return 2 * chunks > (w.groups + 4) * (w.groups + 4);
}

// Kahan's sum, in which an infinity stays one.
QDSL_INLINE void compensate(float* sums, float* lost, __m512 term) {
  const __m512 value = _mm512_loadu_ps(sums);
  const __m512 corrected = _mm512_sub_ps(term, _mm512_loadu_ps(lost));
  const __m512 next = _mm512_add_ps(value, corrected);
  const __m512 error = _mm512_sub_ps(_mm512_sub_ps(next, value), corrected);
  _mm512_storeu_ps(lost, _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(error, error, _CMP_ORD_Q), error));
  _mm512_storeu_ps(sums, next);
}

// The share of floating zeros in a group.
template <int Rows, int Panels>
QDSL_INLINE void subtract_shifts(const Weight& w, const Tokens& t, int64_t row, int64_t block,
                                 int64_t g, const Totals& totals) {
  const uint8_t* zeros = w.zeros(block, g);
  for (int p = 0; p < Panels; ++p) {
    const __m512 shift = entries_of(zeros, p, w.shift);
    for (int r = 0; r < Rows; ++r) {
      float* to = totals.sums + (row + r) * kBlock + p * kLanes;
      const __m512 inputs = _mm512_set1_ps(t.value_sums[(row + r) * w.groups + g]);
      _mm512_storeu_ps(to, _mm512_sub_ps(_mm512_loadu_ps(to), _mm512_mul_ps(inputs, shift)));
    }
  }
}

// totals += sums * scales; where a group ends, its floating zeros have their share.
template <int Rows, int Panels>
QDSL_INLINE void add(const Weight& w, const Tokens& t, int64_t row, int64_t block, int64_t g,
                     bool ends, const Totals& totals, const __m512 (&sums)[Rows][Panels]) {
  const uint8_t* scales = w.scales(block, g);
  for (int p = 0; p < Panels; ++p) {
    const __m512 scale = scales_of(w, scales, p);
    for (int r = 0; r < Rows; ++r) {
      const int64_t at = (row + r) * kBlock + p * kLanes;
      float* to = totals.sums + at;
      if (totals.lost)
        compensate(to, totals.lost + at, _mm512_mul_ps(sums[r][p], scale));
      else
        _mm512_storeu_ps(to, _mm512_fmadd_ps(sums[r][p], scale, _mm512_loadu_ps(to)));
    }
  }
  if (ends && w.zero == Zero::floating)
    subtract_shifts<Rows, Panels>(w, t, row, block, g, totals);
}

}  // namespace
}  // namespace qdsl
