// Multiplies bf16 activations with packed weights by AVX-512 BF16: codes less their centre, at most
// 8 bits and a sign, are exact in bf16.
#include "kernels/float_avx512.h"

namespace qdsl {
namespace {

struct Bf16 {
  static constexpr Isa kIsa = Isa::avx512bf16;
  static constexpr int64_t kPositions = 2;  // in a word: j and j + 2 of a quad
  template <Codes Mode>
  static constexpr int64_t kFewRows = Mode == Codes::bytes ? 4 : INT64_MAX;  // read packed codes
  using Table = __m512i;  // numbers of codes below 32

  static const uint32_t* words(const Tokens& t) {
    return reinterpret_cast<const uint32_t*>(t.halves);
  }
  static int64_t stride(const Tokens& t) { return t.stride / 2; }

  QDSL_INLINE static __m512 broadcast(const uint32_t* word) {
    return _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int32_t>(*word)));
  }

  QDSL_INLINE static __m512 multiply_add(__m512 sum, __m512 weight, __m512 activation) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(weight),
                            reinterpret_cast<__m512bh>(activation));
  }

  // The upper half of the float, whose lower half is 0.
  static uint16_t half_of(int number) {
    const auto value = static_cast<float>(number);
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return static_cast<uint16_t>(bits >> 16);
  }

  // Of codes, or of codes less centres as integers of 5 bits.
  template <int Bits, Codes Mode>
  static Table table(const Weight& w) {
    alignas(64) uint16_t numbers[32];
    for (int i = 0; i < 32; ++i) {
      const int code = i & ((1 << Bits) - 1);
      const int reads = Bits == 1 ? 2 * code : w.half ? 2 * code + 1 : code;
      numbers[i] = half_of(Mode == Codes::table ? reads - w.centre : i < 16 ? i : i - 32);
    }
    return _mm512_load_si512(numbers);
  }

  // In both halves of a word; for bytes what is taken from floats that have a code as low bits.
  template <Codes Mode>
  QDSL_INLINE static __m512i centres(__m512i centres) {
    if constexpr (Mode == Codes::bytes)
      return _mm512_castps_si512(
          _mm512_cvtepi32_ps(_mm512_add_epi32(centres, _mm512_set1_epi32(1 << 23))));
    return _mm512_or_si512(centres, _mm512_slli_epi32(centres, 16));
  }
  static constexpr int k2To23 = 0x4b000000;  // bits of the float 2^23

  // The byte from bit `shift` on less a centre: at most 8 bits and a sign, so the lower half is 0.
  QDSL_INLINE static __m512i byte_less(__m512i codes, int shift, __m512i centres) {
    const __m512i bytes = shift ? _mm512_srli_epi32(codes, shift) : codes;
    const __m512i floats = _mm512_ternarylogic_epi32(bytes, _mm512_set1_epi32(0xff),
                                                     _mm512_set1_epi32(k2To23), 0xea);
    return _mm512_castps_si512(
        _mm512_sub_ps(_mm512_castsi512_ps(floats), _mm512_castsi512_ps(centres)));
  }

  template <int Bits, Codes Mode>
  QDSL_INLINE static __m512 number(__m512i codes, int shift, __m512i table, __m512i centres) {
    if constexpr (Mode == Codes::bytes) {
      const __m512i lower = _mm512_srli_epi32(byte_less(codes, shift, centres), 16);
      return _mm512_castsi512_ps(_mm512_or_si512(lower, byte_less(codes, shift + 16, centres)));
    }
    const __m512i words = shift ? _mm512_srli_epi16(codes, shift) : codes;
    // reads 5 bits of the index; the table repeats itself where a code has fewer
    if constexpr (Mode == Codes::table)
      return _mm512_castsi512_ps(_mm512_permutexvar_epi16(words, table));
    const __m512i mask = _mm512_set1_epi16((1 << Bits) - 1);
    const __m512i less = _mm512_sub_epi16(_mm512_and_si512(words, mask), centres);
    return _mm512_castsi512_ps(_mm512_permutexvar_epi16(less, table));
  }
};

// To nearest, ties to even; numbers below the normal ones become 0, as in the products.
void halve(const float* x, int64_t count, uint16_t* to) {
  const int64_t padded = (count + kStep - 1) / kStep * kStep;
  for (int64_t i = 0; i < padded; i += kLanes) {
    const int64_t left = count > i ? count - i : 0;
    const auto mask = static_cast<__mmask16>(left >= kLanes ? 0xffff : (1u << left) - 1);
    const auto ordered = reinterpret_cast<__m256i>(
        _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, x + i)));
    const __m256i quads = _mm256_shufflehi_epi16(_mm256_shufflelo_epi16(ordered, 0xd8), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), quads);
  }
}

const Kernels defined{.linear_bf16 = linear<Bf16>, .halve = halve};
const Register registered{Isa::avx512bf16, defined};

}  // namespace
}  // namespace qdsl
