// Multiplies codes of 1 bit with one row of integer activations by tables: for four positions the 16
// sums that their bits can ask for, looked up in a register by VBMI's byte permutation. A look-up
// does four products in the place of one, so it beats unpacking where nothing hides that.
#pragma once

#include "kernels/codes_avx512.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

struct Tables {
  static constexpr int64_t kBytes = 4 * kVector;  // of a step

  // Sums [64] of 16 activations, twice since bits read as 0 or 2: entry 16 * j + n of those 4 * f + j
  // whose bit f is set in n. Their low 7 bits, then what is above those, signed.
  QDSL_INLINE static void build_half(const int8_t* x, uint8_t* to) {
    const __m256i once = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x)));
    const __m512i words = _mm512_zextsi256_si512(_mm256_add_epi16(once, once));
    constexpr uint32_t kSet[4] = {0xaaaaaaaa, 0xcccccccc, 0xf0f0f0f0, 0xff00ff00};
    const __m512i second = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(1), 1);
    __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (int f = 0; f < 4; ++f)
      for (int h = 0; h < 2; ++h) {
        const auto first = static_cast<int16_t>(4 * f + 2 * h);
        const __m512i from = _mm512_add_epi16(second, _mm512_set1_epi16(first));
        sums[h] = _mm512_add_epi16(sums[h],
                                   _mm512_maskz_permutexvar_epi16(kSet[f], from, words));
      }
    alignas(64) static constexpr auto kEven = [] {
      struct { uint8_t at[64]; } bytes{};
      for (int i = 0; i < 64; ++i) bytes.at[i] = static_cast<uint8_t>(2 * i);
      return bytes;
    }();
    const __m512i even = _mm512_load_si512(&kEven), seven = _mm512_set1_epi16(127);
    __m512i low[2], high[2];
    for (int h = 0; h < 2; ++h) {
      low[h] = _mm512_and_si512(sums[h], seven);
      high[h] = _mm512_srai_epi16(sums[h], 7);
    }
    _mm512_storeu_si512(to, _mm512_permutex2var_epi8(low[0], even, low[1]));
    _mm512_storeu_si512(to + kVector, _mm512_permutex2var_epi8(high[0], even, high[1]));
  }

  static void build(const int8_t* x, int64_t steps, uint8_t* to) {
    for (int64_t i = 0; i < 2 * steps; ++i, x += kStep / 2, to += kBytes / 2) build_half(x, to);
  }

  // sums += Σ x * u of some blocks, whose codes are `apart` bytes from each other: tables stream from
  // a cache as weights do from memory, and blocks that share them take fewer of them.
  template <int Blocks, int Panels>
  QDSL_INLINE static void multiply(const uint8_t* codes, int64_t apart, const uint8_t* table,
                                   int64_t steps, __m512i (&sums)[Blocks][Panels]) {
    const __m512i low_bits = _mm512_set1_epi8(15), which = _mm512_set1_epi32(0x30201000);
    __m512i one = _mm512_set1_epi8(1), high_one = _mm512_set1_epi8(-128);  // unsigned: 128
    keep(one), keep(high_one);
    for (int64_t step = 0; step < steps; ++step, table += kBytes, codes += Panels * kVector) {
      each<2>([&](int half) QDSL_LAMBDA {
        const __m512i lows = _mm512_loadu_si512(table + half * 2 * kVector);
        const __m512i highs = _mm512_loadu_si512(table + (half * 2 + 1) * kVector);
        each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA {
          __m512i bits = vector_at(codes + b * apart, 0, Panels, p);
          if (half) bits = _mm512_srli_epi16(bits, 4);
          const __m512i at = _mm512_ternarylogic_epi32(bits, low_bits, which, 0xea);
          __m512i& sum = sums[b][p];
          sum = _mm512_dpbusd_epi32(sum, _mm512_permutexvar_epi8(at, lows), one);
          sum = _mm512_dpbusd_epi32(sum, high_one, _mm512_permutexvar_epi8(at, highs));
        });
      });
      each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA { keep(sums[b][p]); });
    }
  }
};

}  // namespace
}  // namespace qdsl
