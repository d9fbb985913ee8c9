// Multiplies codes of 1 bit with one row of integer activations by tables: for four positions the 16
// sums that their bits can ask for, looked up in a register by VBMI's byte permutation. A look-up
// does four products in the place of one, so it beats unpacking where nothing hides that.
#pragma once

#include "kernels/codes_avx512.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

struct Tables {
  static constexpr int64_t kBytes = 4 * kVector;  // of a step

  // Sums [64] of 16 activations: entry 16 * j + n of those 4 * f + j whose bit f is set in n.
  QDSL_INLINE static void build_half(const int8_t* x, uint8_t* to) {
    const __m512i words = _mm512_zextsi256_si512(
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x))));
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
    const __m512i low = _mm512_load_si512(&kEven);
    const __m512i high = _mm512_add_epi8(low, _mm512_set1_epi8(1));
    _mm512_storeu_si512(to, _mm512_permutex2var_epi8(sums[0], low, sums[1]));
    _mm512_storeu_si512(to + kVector, _mm512_permutex2var_epi8(sums[0], high, sums[1]));
  }

  static void build(const int8_t* x, int64_t steps, uint8_t* to) {
    for (int64_t i = 0; i < 2 * steps; ++i, x += kStep / 2, to += kBytes / 2) build_half(x, to);
  }

  // sums = Σ x * u of some blocks, whose codes are `apart` bytes from each other: tables stream from
  // a cache as weights do from memory, and blocks that share them take fewer of them.
  template <int Blocks, int Panels>
  QDSL_INLINE static void multiply(const uint8_t* codes, int64_t apart, const uint8_t* table,
                                   int64_t steps, __m512i (&sums)[Blocks][Panels]) {
    const __m512i low_bits = _mm512_set1_epi8(15), which = _mm512_set1_epi32(0x30201000);
    const __m512i one = _mm512_set1_epi8(1);
    __m512i low[Blocks][Panels], high[Blocks][Panels];
    each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA {
      low[b][p] = high[b][p] = _mm512_setzero_si512();
    });
    for (int64_t step = 0; step < steps; ++step, table += kBytes, codes += Panels * kVector) {
      each<2>([&](int half) QDSL_LAMBDA {
        const __m512i lows = _mm512_loadu_si512(table + half * 2 * kVector);
        const __m512i highs = _mm512_loadu_si512(table + (half * 2 + 1) * kVector);
        each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA {
          __m512i bits = vector_at(codes + b * apart, 0, Panels, p);
          if (half) bits = _mm512_srli_epi16(bits, 4);
          const __m512i at = _mm512_ternarylogic_epi32(bits, low_bits, which, 0xea);
          low[b][p] = _mm512_dpbusd_epi32(low[b][p], _mm512_permutexvar_epi8(at, lows), one);
          high[b][p] = _mm512_dpbusd_epi32(high[b][p], one, _mm512_permutexvar_epi8(at, highs));
        });
      });
      each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA { keep(low[b][p]), keep(high[b][p]); });
    }
    each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA {  // twice, since bits read as 0 or 2
      sums[b][p] = _mm512_add_epi32(_mm512_slli_epi32(high[b][p], 9),
                                    _mm512_add_epi32(low[b][p], low[b][p]));
    });
  }
};

}  // namespace
}  // namespace qdsl
