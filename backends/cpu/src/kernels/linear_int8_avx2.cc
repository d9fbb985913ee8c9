// Multiplies integer activations with packed weights by AVX2: bytes in pairs into 16-bit sums that
// cannot saturate, those into 32-bit ones as seldom as the codes allow.
#include <algorithm>
#include <type_traits>

#include "kernels/linear_int8.h"
#include "kernels/vectors_avx2.h"

namespace qdsl {
namespace {

// Codes u up to Top: a 16-bit sum takes two products for each of kQuadsAtOnce quads.
template <int Bits, int Top>
struct Narrow {
  static constexpr int kBits = Bits;
  static constexpr int kPair = 2 * 128 * Top;  // of the largest magnitude
  static constexpr int kQuadsAtOnce =
      8 * kPair <= 32767 ? 8 : 4 * kPair <= 32767 ? 4 : 2 * kPair <= 32767 ? 2 : 1;
  static_assert(kPair <= 32767);
};

// Any bytes: each as 16 * high + low.
struct Halved {
  static constexpr int kBits = 8;
};

// Sums are added to as written: reassociated, all products would wait in memory for their turn.
QDSL_INLINE void keep_order(__m256i& sum) { asm("" : "+x"(sum)); }

// sums += the products of one step by way of 16-bit ones.
template <class Codes, int Rows, int Vectors>
QDSL_INLINE void add_step(const Operands& from, const uint8_t* codes, const int8_t* x,
                          __m256i (&sums)[Rows][Vectors]) {
  constexpr int kAtOnce = Codes::kQuadsAtOnce;
#pragma GCC unroll 8
  for (int first = 0; first < kQuads; first += kAtOnce) {
    __m256i pairs[Rows][Vectors];
#pragma GCC unroll 8
    for (int q = first; q < first + kAtOnce; ++q) {
      __m256i u[Vectors];
      for (int i = 0; i < Vectors; ++i) u[i] = unpack<Codes::kBits>(codes, from.apart, q, i);
      for (int r = 0; r < Rows; ++r) {
        const __m256i four = four_activations(x + r * from.row_stride + 4 * q);
        for (int i = 0; i < Vectors; ++i) {
          const __m256i two = _mm256_maddubs_epi16(u[i], four);
          pairs[r][i] = q == first ? two : _mm256_add_epi16(pairs[r][i], two);
          keep_order(pairs[r][i]);
        }
      }
    }
    for (int r = 0; r < Rows; ++r)
      for (int i = 0; i < Vectors; ++i) {
        const __m256i fours = _mm256_madd_epi16(pairs[r][i], _mm256_set1_epi16(1));
        sums[r][i] = _mm256_add_epi32(sums[r][i], fours);
        if (kAtOnce < kQuads) keep_order(sums[r][i]);
      }
  }
}

// The same of halves of bytes, which make two sums; one vector after the other, since all sums of a
// tile are more than there are registers.
template <int Rows, int Vectors>
QDSL_INLINE void add_halved_step(const Operands& from, const uint8_t* codes, const int8_t* x,
                                 __m256i (&sums)[Rows][Vectors]) {
  const __m256i mask = _mm256_set1_epi8(15);
#pragma GCC unroll 8
  for (int i = 0; i < Vectors; ++i) {
    asm("" : "+r"(x));  // activations are read anew rather than kept in memory
    __m256i low[Rows], high[Rows];
#pragma GCC unroll 8
    for (int q = 0; q < kQuads; ++q) {
      const __m256i u = unpack<8>(codes, from.apart, q, i);
      const __m256i lower = _mm256_and_si256(u, mask);
      const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(u, 4), mask);
      for (int r = 0; r < Rows; ++r) {
        const __m256i four = four_activations(x + r * from.row_stride + 4 * q);
        const __m256i of_low = _mm256_maddubs_epi16(lower, four);
        const __m256i of_high = _mm256_maddubs_epi16(upper, four);
        low[r] = q == 0 ? of_low : _mm256_add_epi16(low[r], of_low);
        high[r] = q == 0 ? of_high : _mm256_add_epi16(high[r], of_high);
        keep_order(low[r]);
        keep_order(high[r]);
      }
    }
    for (int r = 0; r < Rows; ++r) {
      const __m256i ones = _mm256_madd_epi16(low[r], _mm256_set1_epi16(1));
      const __m256i sixteens = _mm256_madd_epi16(high[r], _mm256_set1_epi16(16));
      sums[r][i] = _mm256_add_epi32(sums[r][i], _mm256_add_epi32(ones, sixteens));
    }
  }
}

// The largest code as it reads, of those that are decoded.
inline int top_of(const Weight& w) {
  const int top = w.half ? (2 << w.bits) - 1 : w.bits == 1 ? 2 : (1 << w.bits) - 1;
  return w.period ? std::max(top, w.centre) : top;
}

struct Maddubs {
  using Rows = std::integer_sequence<int, 4, 2, 1>;
  static constexpr Isa kIsa = Isa::avx2;
  static constexpr int panels_at_once(int rows) { return rows > 2 ? 1 : 2; }

  template <class Call>
  static void visit(const Weight& w, const Call& call) {
    if (direct(w)) {
      if (w.bits == 1) return call(Narrow<1, 2>{});
      if (w.bits == 2) return call(Narrow<2, 3>{});
      if (w.bits == 4) return call(Narrow<4, 15>{});
    } else {
      if (top_of(w) <= 15) return call(Narrow<8, 15>{});
      if (top_of(w) <= 63) return call(Narrow<8, 63>{});
      if (top_of(w) <= 127) return call(Narrow<8, 127>{});
    }
    call(Halved{});
  }

  // Inlined, so that sums stay in registers.
  template <class Codes, int Rows, int Vectors>
  QDSL_INLINE static void add(const Operands& from, __m256i (&sums)[Rows][Vectors]) {
    const uint8_t* codes = from.codes;
    const int8_t* x = from.x;
    for (int64_t step = 0; step < from.steps; ++step) {
      if constexpr (std::is_same_v<Codes, Halved>)
        add_halved_step(from, codes, x, sums);
      else
        add_step<Codes>(from, codes, x, sums);
      codes += Codes::kBits * from.apart;
      x += kStep;
    }
  }
};

const Kernels defined{.linear_int8 = IntegerProduct<Ymm, Maddubs>::run};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
