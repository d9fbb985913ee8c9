// Ways to multiply the codes of one group with some rows of integer activations by AVX-512 VNNI: the
// weight's code is the unsigned operand, the activation's the signed one, and nothing saturates.
//
// A way is a class with a function `accumulate` that adds to sums [Rows][Panels], which then hold
// Σ x * u, or with kCentred Σ x * (u - centre); what they held before is taken for shifted by kLift.
// A 32-bit sum may wrap around on its way, but not in the end: the scalar kernel serves what does.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "kernel.h"
#include "kernels/unrolled.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// What the next block holds, fetched while this one is multiplied: `lines` a step.
struct Ahead {
  const uint8_t* at;
  int64_t lines;

  QDSL_INLINE void fetch() {
    for (int64_t i = 0; i < lines; ++i, at += kVector) _mm_prefetch(at, _MM_HINT_T1);
  }
};

// Makes a compiler leave a vector in the register where it is, rather than copy it at the end of a
// loop or read it again.
QDSL_INLINE void keep(__m512i& vector) { asm("" : "+v"(vector)); }

QDSL_INLINE __m512i four_activations(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof(four));
  return _mm512_set1_epi32(four);
}

QDSL_INLINE __m512i vector_at(const uint8_t* step, int vector, int panels, int p) {
  return _mm512_loadu_si512(step + (vector * panels + p) * kVector);
}

// Fields of `Bits` bits at place f of every byte, 1 bit as 0 or 2.
template <int Bits>
QDSL_INLINE __m512i field(__m512i vector, int f) {
  if constexpr (Bits == 8) return vector;
  const __m512i mask = _mm512_set1_epi8(Bits == 1 ? 2 : (1 << Bits) - 1);
  if (Bits == 1 && f == 0) return _mm512_and_si512(_mm512_add_epi8(vector, vector), mask);
  const int shift = Bits == 1 ? f - 1 : Bits * f;
  return _mm512_and_si512(shift ? _mm512_srli_epi16(vector, shift) : vector, mask);
}

// Quad q of panel p: 16 outputs x 4 positions, or kept codes.
template <int Bits, int Panels, bool IsSparse = false>
QDSL_INLINE __m512i quad(const uint8_t* step, int q, int p) {
  const auto vector = [&](int i) QDSL_LAMBDA {
    return vector_at(step, IsSparse ? static_cast<int>(sparse_vector(Bits, i)) : i, Panels, p);
  };
  if constexpr (Bits == 3) {
    const __m512i high = vector(2);
    const int up = q - 2;  // the bit of the high field goes to bit 2
    const __m512i bit = up > 0 ? _mm512_srli_epi16(high, up) : _mm512_slli_epi16(high, -up);
    const __m512i pair = field<2>(vector(q / 4), q % 4);  // (bit & 4) | pair
    return _mm512_ternarylogic_epi32(bit, _mm512_set1_epi8(4), pair, 0xea);
  } else {
    constexpr int kPerByte = 8 / Bits;
    return field<Bits>(vector(q / kPerByte), q % kPerByte);
  }
}

// Where quad q of kept codes was: fields of 2 bits, more in the high bits.
template <int Bits, int Panels>
QDSL_INLINE __m512i places_of(const uint8_t* step, int q, int p) {
  const auto i = static_cast<int>(sparse_vector(Bits, Bits + q / 4));
  const __m512i packed = vector_at(step, i, Panels, p);
  return q % 4 ? _mm512_srli_epi16(packed, q % 4 * 2) : packed;
}

// Codes of 1, 2, 3, 4 and 8 bits, unpacked in registers beside the products: from a few rows on the
// multipliers are busy all the time.
template <int Bits>
struct Dense {
  static constexpr bool kCentred = false;
  static constexpr int kLift = 0;

  template <int Rows, int Panels>
  QDSL_INLINE static void accumulate(const uint8_t* codes, const int8_t* x, int64_t stride,
                                     int64_t steps, Ahead& ahead,
                                     __m512i (&sums)[Rows][Panels]) {
    for (int64_t step = 0; step < steps; ++step) {
      ahead.fetch();
#pragma GCC unroll 8
      for (int q = 0; q < kQuads; ++q) {
        __m512i u[Panels];
        each<Panels>([&](int p) QDSL_LAMBDA { u[p] = quad<Bits, Panels>(codes, q, p); });
        each<Rows>([&](int r) QDSL_LAMBDA {
          const __m512i four = four_activations(x + r * stride + 4 * q);
          each<Panels>([&](int p) QDSL_LAMBDA {
            sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], u[p], four);
          });
        });
      }
      each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA { keep(sums[r][p]); });
      codes += Panels * Bits * kVector;
      x += kStep;
    }
  }
};

// Sparse codes, Kept of 4: a quad of them takes its activations out of 16 / Kept positions by a byte
// shuffle, so that pruned positions cost nothing. Twice the products: the sums of the activations
// that meet a code are needed for the centre.
template <int Bits, int Kept>
struct Sparse {
  static constexpr bool kCentred = true;
  static constexpr int kLift = 0;
  __m512i centres[kPanels];

  template <int Rows, int Panels>
  QDSL_INLINE void accumulate(const uint8_t* codes, const int8_t* x, int64_t stride, int64_t steps,
                              Ahead&, __m512i (&sums)[Rows][Panels]) const {
    constexpr int kWindow = 16 / Kept;  // positions of a quad of codes
    const __m512i fours = _mm512_set1_epi32(Kept == 2 ? 0x04040000 : 0x0c080400);
    const __m512i three = _mm512_set1_epi8(3), one = _mm512_set1_epi8(1);
    __m512i met[Rows][Panels];
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA { met[r][p] = _mm512_setzero_si512(); });
    for (int64_t step = 0; step < steps; step += 4 / Kept) {
#pragma GCC unroll 8
      for (int q = 0; q < kQuads; ++q) {
        __m512i window[Rows];
        each<Rows>([&](int r) QDSL_LAMBDA {
          const int8_t* from = x + r * stride + q * kWindow;
          int64_t eight;
          std::memcpy(&eight, from, sizeof(eight));
          const auto* sixteen = reinterpret_cast<const __m128i*>(from);
          window[r] = Kept == 2 ? _mm512_set1_epi64(eight)
                                : _mm512_broadcast_i32x4(_mm_loadu_si128(sixteen));
        });
        each<Panels>([&](int p) QDSL_LAMBDA {
          const __m512i packed = places_of<Bits, Panels>(codes, q, p);
          const __m512i places = _mm512_ternarylogic_epi32(packed, three, fours, 0xea);
          const __m512i u = quad<Bits, Panels, true>(codes, q, p);
          each<Rows>([&](int r) QDSL_LAMBDA {
            const __m512i chosen = _mm512_shuffle_epi8(window[r], places);
            sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], u, chosen);
            met[r][p] = _mm512_dpbusd_epi32(met[r][p], one, chosen);
          });
        });
      }
      each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA { keep(sums[r][p]), keep(met[r][p]); });
      codes += Panels * (Bits + 2) * kVector;
      x += kQuads * kWindow;
    }
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
      sums[r][p] = _mm512_sub_epi32(sums[r][p], _mm512_mullo_epi32(met[r][p], centres[p]));
    });
  }
};

}  // namespace
}  // namespace qdsl
