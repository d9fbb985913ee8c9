// Vectors of 8 outputs for AVX2: what the walk over a packed weight needs of an instruction set.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "weight.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

struct Ymm {
  using Ints = __m256i;
  using Floats = __m256;
  static constexpr int kWidth = 8;

  QDSL_INLINE static Ints ints(int32_t x) { return _mm256_set1_epi32(x); }
  QDSL_INLINE static Floats floats(float x) { return _mm256_set1_ps(x); }
  QDSL_INLINE static Floats floats(Ints x) { return _mm256_cvtepi32_ps(x); }

  QDSL_INLINE static Ints load(const int32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  QDSL_INLINE static Floats load(const float* from) { return _mm256_loadu_ps(from); }
  QDSL_INLINE static Ints load_bytes(const uint8_t* from) {
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
  }
  // Those of a table that begin at output `lane`.
  QDSL_INLINE static Floats load_entries(const uint8_t* table, int lane, Float type) {
    table += lane * bytes_of(type);
    if (type == Float::f32) return _mm256_loadu_ps(reinterpret_cast<const float*>(table));
    const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    if (type == Float::f16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
  }

  QDSL_INLINE static void store(int32_t* to, Ints x) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x);
  }
  QDSL_INLINE static void store(float* to, Floats x) { _mm256_storeu_ps(to, x); }

  QDSL_INLINE static Ints add(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
  QDSL_INLINE static Ints subtract(Ints a, Ints b) { return _mm256_sub_epi32(a, b); }
  QDSL_INLINE static Ints multiply(Ints a, Ints b) { return _mm256_mullo_epi32(a, b); }
  QDSL_INLINE static Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  QDSL_INLINE static Floats subtract(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
  QDSL_INLINE static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
};

// Four activations next to each other, for each output.
QDSL_INLINE __m256i four_activations(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof(four));
  return _mm256_set1_epi32(four);
}

// Vector i of 8 outputs x 4 positions: quad q of a step in fields of Bits bits, as the codes read.
// Vectors of a panel are `apart` bytes from each other.
template <int Bits>
QDSL_INLINE __m256i unpack(const uint8_t* step, int64_t apart, int q, int i) {
  constexpr int kPerByte = 8 / Bits;
  const auto* at = reinterpret_cast<const __m256i*>(step + q / kPerByte * apart + i * 32);
  const __m256i vector = _mm256_loadu_si256(at);
  if constexpr (Bits == 8) return vector;
  const int f = q % kPerByte;
  const __m256i mask = _mm256_set1_epi8(Bits == 1 ? 2 : (1 << Bits) - 1);
  if (Bits == 1 && f == 0) return _mm256_and_si256(_mm256_add_epi8(vector, vector), mask);
  const int shift = Bits == 1 ? f - 1 : Bits * f;
  return _mm256_and_si256(shift ? _mm256_srli_epi16(vector, shift) : vector, mask);
}

}  // namespace
}  // namespace qdsl
