// Products of AVX-512: the four-way byte dot product, and fused multiply-add of floats.
#include <immintrin.h>

#include "roofline/chains.h"
#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

constexpr int kChains = 16;

void int8(int64_t iterations) {
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  keep(a);
  keep(b);
  run_chains<kChains>(iterations, b,
                      [&](__m512i sum) { return _mm512_dpbusd_epi32(sum, a, b); });
}

void f32(int64_t iterations) {
  __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(0.25f);
  keep(a);
  keep(b);
  run_chains<kChains>(iterations, a, [&](__m512 sum) { return _mm512_fmadd_ps(a, b, sum); });
}

const Register kInt8({"int8", "avx512vnni", 2 * 64 * kChains, int8});
const Register kF32({"f32", "avx512vnni", 2 * 16 * kChains, f32});

}  // namespace
}  // namespace qdsl::roofline
