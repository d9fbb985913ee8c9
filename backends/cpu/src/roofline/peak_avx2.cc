// Products of AVX2: pairs of bytes added in 16 bits, and fused multiply-add of floats.
#include <immintrin.h>

#include "roofline/chains.h"
#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

constexpr int kChains = 12;  // 16 registers less the operands

// The product's operand must change for the compiler, or it is taken out of the loop.
void int8(int64_t iterations) {
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  keep(a);
  run_chains<kChains>(iterations, b, [&](__m256i sum) {
    keep(b);
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(a, b));
  });
}

void f32(int64_t iterations) {
  __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(0.25f);
  keep(a);
  keep(b);
  run_chains<kChains>(iterations, a, [&](__m256 sum) { return _mm256_fmadd_ps(a, b, sum); });
}

const Register kInt8({"int8", "avx2", 2 * 32 * kChains, int8});
const Register kF32({"f32", "avx2", 2 * 8 * kChains, f32});

}  // namespace
}  // namespace qdsl::roofline
