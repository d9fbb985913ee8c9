// Reads memory 32 bytes at a time.
#include <immintrin.h>

#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

uint64_t read(const char* data, int64_t bytes) {
  __m256i sums[4] = {};
  for (int64_t i = 0; i < bytes; i += 128)
    for (int j = 0; j < 4; ++j) {
      const auto* from = reinterpret_cast<const __m256i*>(data + i + 32 * j);
      sums[j] = _mm256_xor_si256(sums[j], _mm256_load_si256(from));
    }
  const __m256i left = _mm256_xor_si256(sums[0], sums[1]);
  alignas(32) uint64_t all[4];
  _mm256_store_si256(reinterpret_cast<__m256i*>(all),
                     _mm256_xor_si256(left, _mm256_xor_si256(sums[2], sums[3])));
  return all[0] ^ all[1] ^ all[2] ^ all[3];
}

const Register kRegister("avx2", read);

}  // namespace
}  // namespace qdsl::roofline
