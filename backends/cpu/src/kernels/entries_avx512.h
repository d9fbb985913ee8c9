// What surrounds the products of a panel in AVX-512: where sums start, scales, the epilogue.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernel.h"
#include "kernels/epilogue.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// One product, with what is the same for all of its tiles.
struct Product {
  const Weight& w;
  const Tokens& t;
  const Output& out;
  const Workspace& work;
  int64_t block;
};

// 16 entries of a table, those of panel p, as floats.
QDSL_INLINE __m512 entries_of(const uint8_t* table, int p, Float type) {
  if (type == Float::f32) return _mm512_loadu_ps(table + p * kLanes * 4);
  const __m256i half =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(table + p * kLanes * 2));
  if (type == Float::f16) return _mm512_cvtph_ps(half);
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

QDSL_INLINE __m512 scales_of(const Weight& w, const uint8_t* table, int p) {
  const __m512 scales = entries_of(table, p, w.scale);
  return w.half ? _mm512_mul_ps(scales, _mm512_set1_ps(0.5f)) : scales;
}

// -centre * (sum of the activations): where the sum of a group starts.
QDSL_INLINE __m512i start(const Weight& w, const uint8_t* zeros, int p, int32_t sum) {
  const auto negative = -static_cast<uint32_t>(sum);
  if (w.zero != Zero::integer)
    return _mm512_set1_epi32(static_cast<int32_t>(static_cast<uint32_t>(w.centre) * negative));
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(zeros + p * kLanes));
  return _mm512_mullo_epi32(_mm512_cvtepu8_epi32(bytes),
                            _mm512_set1_epi32(static_cast<int32_t>(negative)));
}

// A start for activations whose codes lack an offset.
QDSL_INLINE __m512i moved(__m512i start, int32_t offset, const int32_t* code_sums, int64_t g,
                          int p) {
  const __m512i sums = _mm512_loadu_si512(code_sums + g * kBlock + p * kLanes);
  return _mm512_add_epi32(start, _mm512_mullo_epi32(sums, _mm512_set1_epi32(offset)));
}

// A term less the share of floating zeros.
QDSL_INLINE __m512 shifted(const Weight& w, __m512 term, const uint8_t* zeros, int p,
                           int32_t activations) {
  const __m512 sum = _mm512_set1_ps(static_cast<float>(activations));
  return _mm512_sub_ps(term, _mm512_mul_ps(sum, entries_of(zeros, p, w.shift)));
}

QDSL_INLINE __mmask16 lanes_of(const Weight& w, int64_t n) {
  const int64_t valid = w.outputs - n;
  return static_cast<__mmask16>(valid >= kLanes ? 0xffff : (1u << valid) - 1);
}

QDSL_INLINE void store_sums(const Weight& w, const Output& out, int64_t row, int64_t g,
                            int64_t block, int p, __m512i sums) {
  const int64_t n = block * kBlock + p * kLanes;
  int32_t* to = out.sums + (row * w.groups + g) * w.outputs + n;
  _mm512_mask_storeu_epi32(to, lanes_of(w, n), sums);
}

// What follows the scale of the row.
QDSL_INLINE void finish(const Weight& w, const Output& out, int64_t row, int64_t block, int p,
                        __m512 y) {
  finish(w, out, row, block * kBlock + p * kLanes, y);
}

}  // namespace
}  // namespace qdsl
