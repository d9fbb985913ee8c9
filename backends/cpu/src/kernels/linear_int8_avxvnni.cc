// Multiplies integer activations with packed weights by AVX-VNNI: the weight's code is the unsigned
// operand, the activation's the signed one, and nothing saturates.
//
// Compiled with AVX-512 VL instead, as tests do, the same instructions have another encoding.
#include "kernels/linear_int8.h"
#include "kernels/vectors_avx2.h"

namespace qdsl {
namespace {

QDSL_INLINE __m256i dot(__m256i sums, __m256i u, __m256i x) {
#ifdef __AVXVNNI__
  return _mm256_dpbusd_avx_epi32(sums, u, x);
#else
  return _mm256_dpbusd_epi32(sums, u, x);
#endif
}

template <int Bits>
struct Codes {
  static constexpr int kBits = Bits;
};

struct Dpbusd {
  using Rows = std::integer_sequence<int, 6, 4, 2, 1>;
  static constexpr Isa kIsa = Isa::avxvnni;
  static constexpr int panels_at_once(int rows) { return rows > 2 ? 1 : 4 / rows; }

  template <class Call>
  static void visit(const Weight& w, const Call& call) {
    switch (direct(w) ? w.bits : 8) {
      case 1: return call(Codes<1>{});
      case 2: return call(Codes<2>{});
      case 4: return call(Codes<4>{});
      default: call(Codes<8>{});
    }
  }

  // Inlined, so that sums stay in registers.
  template <class Codes, int Rows, int Vectors>
  QDSL_INLINE static void add(const Operands& from, __m256i (&sums)[Rows][Vectors]) {
    const uint8_t* codes = from.codes;
    const int8_t* x = from.x;
    for (int64_t step = 0; step < from.steps; ++step) {
#pragma GCC unroll 8
      for (int q = 0; q < kQuads; ++q) {
        __m256i u[Vectors];
        for (int i = 0; i < Vectors; ++i) u[i] = unpack<Codes::kBits>(codes, from.apart, q, i);
        for (int r = 0; r < Rows; ++r) {
          const __m256i four = four_activations(x + r * from.row_stride + 4 * q);
          for (int i = 0; i < Vectors; ++i) sums[r][i] = dot(sums[r][i], u[i], four);
        }
      }
      codes += Codes::kBits * from.apart;
      x += kStep;
    }
  }
};

const Kernels defined{.linear_int8 = IntegerProduct<Ymm, Dpbusd>::run};
const Register registered{Isa::avxvnni, defined};

}  // namespace
}  // namespace qdsl
