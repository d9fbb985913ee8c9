// The four-way byte dot product of AVX-VNNI, 32 bytes at a time.
#include <immintrin.h>

#include "roofline/chains.h"
#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

constexpr int kChains = 12;

void int8(int64_t iterations) {
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  keep(a);
  keep(b);
  run_chains<kChains>(iterations, b,
                      [&](__m256i sum) { return _mm256_dpbusd_avx_epi32(sum, a, b); });
}

const Register kInt8({"int8", "avxvnni", 2 * 32 * kChains, int8});

}  // namespace
}  // namespace qdsl::roofline
