// Rounds values for avx512vnni; codes of rows by intrinsics, since the compiler narrows to bytes by
// a store that takes 25 cycles on Zen 4.
#include <immintrin.h>

#include "kernels/round_values.h"

namespace qdsl {
namespace {

// Up to 16 values, the others 0.
__m512 load(const float* x, int64_t count) {
  if (count >= kColumns) return _mm512_loadu_ps(x);
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), x);
}

void store(__m512i codes, uint8_t* to, int64_t count) {
  const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xffff, codes);
  if (count >= kColumns) return _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
  alignas(16) uint8_t last[kColumns];
  _mm_store_si128(reinterpret_cast<__m128i*>(last), bytes);
  std::memcpy(to, last, count);
}

// `code` makes integers of 16 values; the sum is of those that there are.
template <class Code>
int64_t encode_blocks(const float* x, int64_t count, uint8_t* codes, Code code) {
  __m512i sum = _mm512_setzero_si512();
  for (int64_t i = 0; i < count; i += kColumns) {
    const int64_t valid = count - i;
    const __m512i found = code(load(x + i, valid));
    const auto counted = static_cast<__mmask16>(valid >= kColumns ? 0xffff : (1u << valid) - 1);
    sum = _mm512_mask_add_epi32(sum, counted, sum, found);
    store(found, codes + i, valid);
  }
  return _mm512_reduce_add_epi32(sum);
}

Encoded encode_512(const float* x, int64_t count, float multiplier, int32_t offset,
                   uint8_t* codes) {
  const __m512 by = _mm512_set1_ps(multiplier);
  const __m512i from = _mm512_set1_epi32(offset);
  const auto code = [=](__m512 values) {
    return _mm512_sub_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(values, by)), from);
  };
  return {encode_blocks(x, count, codes, code), false};
}

Encoded encode_fixed_512(const float* x, int64_t count, const FixedRange& range, int32_t offset,
                         uint8_t* codes) {
  const __m512 scale = _mm512_set1_ps(range.scale), zero = _mm512_set1_ps(range.zero);
  const __m512 lowest = _mm512_set1_ps(range.lowest), highest = _mm512_set1_ps(range.highest);
  const __m512i from = _mm512_set1_epi32(offset);
  __mmask16 nan = 0;
  const auto code = [&](__m512 values) {
    __m512 p = _mm512_add_ps(_mm512_div_ps(values, scale), zero);
    p = _mm512_max_ps(lowest, _mm512_min_ps(highest, p));  // the second operand stays where NaN
    const __mmask16 bad = _mm512_cmp_ps_mask(p, p, _CMP_UNORD_Q);
    nan |= bad;
    return _mm512_maskz_sub_epi32(static_cast<__mmask16>(~bad), _mm512_cvtps_epi32(p), from);
  };
  const int64_t sum = encode_blocks(x, count, codes, code);
  return {sum, nan != 0};
}

constexpr ValueKernels with_rows(ValueKernels kernels) {
  kernels.encode = encode_512;
  kernels.encode_fixed = encode_fixed_512;
  return kernels;
}

const ValueKernels defined = with_rows(kRounding);
const RegisterValues registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
