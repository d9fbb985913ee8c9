// Multiplies f32 activations with packed weights by AVX-512.
#include "kernels/float_avx512.h"

namespace qdsl {
namespace {

struct F32 {
  static constexpr Isa kIsa = Isa::avx512vnni;
  static constexpr int64_t kPositions = 1;  // in a word
  template <Codes>
  static constexpr int64_t kFewRows = INT64_MAX;  // which read packed codes
  using Table = __m512;                           // numbers of codes below 16

  static const uint32_t* words(const Tokens& t) {
    return reinterpret_cast<const uint32_t*>(t.values);
  }
  static int64_t stride(const Tokens& t) { return t.stride; }

  QDSL_INLINE static __m512 broadcast(const uint32_t* word) {
    return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int32_t>(*word)));
  }

  QDSL_INLINE static __m512 multiply_add(__m512 sum, __m512 weight, __m512 activation) {
    return _mm512_fmadd_ps(weight, activation, sum);
  }

  template <int Bits, Codes Mode>
  static Table table(const Weight& w) {
    alignas(64) float numbers[16];
    for (int i = 0; i < 16; ++i) {
      const int code = Bits == 8 ? i : i & ((1 << Bits) - 1);
      const int reads = Bits == 1 ? 2 * code : w.half ? 2 * code + 1 : code;
      if (w.values) numbers[i] = code < 1 << w.bits ? w.values[code] : 0.0f;
      else numbers[i] = static_cast<float>(Mode == Codes::table ? reads - w.centre : reads);
    }
    return _mm512_load_ps(numbers);
  }

  // As number() takes them: of bytes with 2^23 added.
  template <Codes Mode>
  QDSL_INLINE static __m512i centres(__m512i centres) {
    const __m512 numbers = _mm512_cvtepi32_ps(centres);
    if (Mode == Codes::centred) return _mm512_castps_si512(numbers);
    return _mm512_castps_si512(_mm512_add_ps(numbers, _mm512_set1_ps(8388608.0f)));
  }

  template <int Bits, Codes Mode>
  QDSL_INLINE static __m512 number(__m512i codes, int shift, __m512 table, __m512i centres) {
    const __m512i word = shift ? _mm512_srli_epi32(codes, shift) : codes;
    if constexpr (Mode == Codes::bytes) {  // the low byte as the end of the significand of 2^23 + u
      const __m512i low = _mm512_set1_epi32(0xff), exponent = _mm512_set1_epi32(0x4b000000);
      const __m512i bits = _mm512_ternarylogic_epi32(word, low, exponent, 0xea);  // (a & b) | c
      return _mm512_sub_ps(_mm512_castsi512_ps(bits), _mm512_castsi512_ps(centres));
    }
    const __m512 value = _mm512_permutexvar_ps(word, table);  // reads 4 bits of the index
    return Mode == Codes::centred ? _mm512_sub_ps(value, _mm512_castsi512_ps(centres)) : value;
  }
};

const Kernels defined{.linear_f32 = linear<F32>};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
