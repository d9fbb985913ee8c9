// Reads memory 64 bytes at a time: whole lines, in one sequential stream.
#include <immintrin.h>

#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

uint64_t read(const char* data, int64_t bytes) {
  __m512i sums[4];
  for (__m512i& sum : sums) sum = _mm512_setzero_si512();
  for (int64_t i = 0; i < bytes; i += kReadBytes)
    for (int j = 0; j < 4; ++j)
      sums[j] = _mm512_xor_si512(sums[j], _mm512_load_si512(data + i + 64 * j));
  const __m512i left = _mm512_xor_si512(sums[0], sums[1]);
  alignas(64) uint64_t all[8];
  _mm512_store_si512(all, _mm512_xor_si512(left, _mm512_xor_si512(sums[2], sums[3])));
  for (int i = 1; i < 8; ++i) all[0] ^= all[i];
  return all[0];
}

const Register kRegister("avx512vnni", read);

}  // namespace
}  // namespace qdsl::roofline
