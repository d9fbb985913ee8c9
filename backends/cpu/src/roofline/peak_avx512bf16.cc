// The two-way dot product of bf16 of AVX-512.
#include <immintrin.h>

#include "roofline/chains.h"
#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

constexpr int kChains = 16;

void bf16(int64_t iterations) {
  __m512 bits = _mm512_set1_ps(0.5f);
  keep(bits);
  const auto a = (__m512bh)bits;
  run_chains<kChains>(iterations, bits,
                      [&](__m512 sum) { return _mm512_dpbf16_ps(sum, a, a); });
}

const Register kBf16({"bf16", "avx512bf16", 2 * 32 * kChains, bf16});

}  // namespace
}  // namespace qdsl::roofline
