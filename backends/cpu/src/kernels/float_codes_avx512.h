// Multiplies float activations with codes by AVX-512: with packed ones, which become numbers in
// registers, or with some that were expanded before.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernel.h"
#include "kernels/float_totals_avx512.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// How the bits of a code become a number: from a table, from a table of codes less a centre of each
// output, or, of 8 bits, by arithmetic.
enum class Codes { table, centred, bytes };

// What turns the codes of a group into numbers.
template <class A, int Panels>
struct Numbers {
  typename A::Table table;
  __m512i centres[Panels];
};

template <class A, Codes Mode, int Panels>
QDSL_INLINE void set_centres(const Weight& w, int64_t block, int64_t g,
                             Numbers<A, Panels>& numbers) {
  if (Mode == Codes::table) return;
  for (int p = 0; p < Panels; ++p) {
    __m512i centres = _mm512_set1_epi32(w.centre);
    if (w.zero == Zero::integer)
      centres = _mm512_cvtepu8_epi32(_mm_loadu_si128(
          reinterpret_cast<const __m128i*>(w.zeros(block, g) + p * kLanes)));
    numbers.centres[p] = A::template centres<Mode>(centres);
  }
}

// Where a word of a vector of codes begins, in bits of 32 or 16.
template <class A, int Bits>
constexpr int shift_of(int word) {
  return static_cast<int>(8 * (word % kWords<A>) + Bits * (word / kWords<A>));
}

// The sums of `Sets` chunks that follow each other, of `steps` steps each. Inlined, so that they
// stay in registers.
template <class A, int Bits, Codes Mode, int Rows, int Sets>
QDSL_INLINE void multiply_packed(const uint8_t* codes, const uint32_t* x, int64_t stride,
                                 int64_t steps, const Numbers<A, kPanels>& numbers,
                                 __m512 (&sums)[Sets][Rows][kPanels]) {
  constexpr int kVectorWords = 8 / Bits * kWords<A>;
  constexpr int64_t kBytes = kPanels * Bits * kVector;  // of a step
  for (int s = 0; s < Sets; ++s)
    for (int r = 0; r < Rows; ++r)
      for (int p = 0; p < kPanels; ++p) sums[s][r][p] = _mm512_setzero_ps();
  for (int64_t step = 0; step < steps; ++step, codes += kBytes) {
    for (int i = 0; i < Bits; ++i, x += kVectorWords) {
      __m512i vectors[Sets][kPanels];
      for (int s = 0; s < Sets; ++s)
        for (int p = 0; p < kPanels; ++p)
          vectors[s][p] =
              _mm512_loadu_si512(codes + s * steps * kBytes + (i * kPanels + p) * kVector);
#pragma GCC unroll 32
      for (int word = 0; word < kVectorWords; ++word) {
        for (int s = 0; s < Sets; ++s) {
          __m512 values[kPanels];
          for (int p = 0; p < kPanels; ++p)
            values[p] = A::template number<Bits, Mode>(vectors[s][p], shift_of<A, Bits>(word),
                                                       numbers.table, numbers.centres[p]);
          for (int r = 0; r < Rows; ++r) {
            const __m512 activation =
                A::broadcast(x + r * stride + s * steps * kStepWords<A> + word);
            for (int p = 0; p < kPanels; ++p)
              sums[s][r][p] = A::multiply_add(sums[s][r][p], values[p], activation);
          }
        }
      }
    }
  }
}

// One group of a block of 64 outputs for Rows rows. Few sums are of two chunks: each addition waits
// for the one before it.
template <class A, int Bits, Codes Mode, int Rows>
void stream_group(const Weight& w, const Tokens& t, int64_t row, int64_t block, int64_t g,
                  const uint8_t* codes, const Numbers<A, kPanels>& numbers,
                  const Totals& totals) {
  constexpr int kSets = Rows <= 2 ? 2 : 1;
  const int64_t steps = w.steps_of(g), stride = A::stride(t), chunk = totals.chunk;
  const uint32_t* x = A::words(t) + row * stride + g * w.group_steps * kStepWords<A>;
  for (int64_t step = 0; step < steps;) {
    const uint8_t* at = codes + step * kPanels * Bits * kVector;
    const uint32_t* from = x + step * kStepWords<A>;
    if (kSets == 2 && steps - step >= 2 * chunk) {
      __m512 sums[2][Rows][kPanels];
      multiply_packed<A, Bits, Mode, Rows, 2>(at, from, stride, chunk, numbers, sums);
      step += 2 * chunk;
      add(w, t, row, block, g, false, totals, sums[0]);
      add(w, t, row, block, g, step == steps, totals, sums[1]);
    } else {
      const int64_t some = steps - step < chunk ? steps - step : chunk;
      __m512 sums[1][Rows][kPanels];
      multiply_packed<A, Bits, Mode, Rows, 1>(at, from, stride, some, numbers, sums);
      step += some;
      add(w, t, row, block, g, step == steps, totals, sums[0]);
    }
  }
}

// Writes the codes of some steps as words, [words, Panels, 64 bytes].
template <class A, int Bits, Codes Mode, int Panels>
void expand_steps(const uint8_t* codes, int64_t steps, const Numbers<A, Panels>& numbers,
                  uint8_t* to) {
  constexpr int kVectorWords = 8 / Bits * kWords<A>;
  for (int64_t step = 0; step < steps; ++step, to += kStepWords<A> * Panels * kVector) {
    for (int i = 0; i < Bits; ++i) {
      for (int p = 0; p < Panels; ++p, codes += kVector) {
        const __m512i vector = _mm512_loadu_si512(codes);
#pragma GCC unroll 32
        for (int word = 0; word < kVectorWords; ++word) {
          const __m512 value = A::template number<Bits, Mode>(
              vector, shift_of<A, Bits>(word), numbers.table, numbers.centres[p]);
          _mm512_storeu_ps(to + ((i * kVectorWords + word) * Panels + p) * kVector, value);
        }
      }
    }
  }
}

// The sums of a chunk of expanded words. Inlined, so that they stay in registers.
template <class A, int Rows, int Panels>
QDSL_INLINE void multiply_expanded(const uint8_t* words, const uint32_t* x, int64_t stride,
                                   int64_t count, __m512 (&sums)[Rows][Panels]) {
  for (int r = 0; r < Rows; ++r)
    for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_setzero_ps();
  for (int64_t word = 0; word < count; ++word) {
    __m512 values[Panels];
    for (int p = 0; p < Panels; ++p)
      values[p] = _mm512_loadu_ps(words + (word * Panels + p) * kVector);
    for (int r = 0; r < Rows; ++r) {
      const __m512 activation = A::broadcast(x + r * stride + word);
      for (int p = 0; p < Panels; ++p)
        sums[r][p] = A::multiply_add(sums[r][p], values[p], activation);
    }
  }
}

}  // namespace
}  // namespace qdsl
