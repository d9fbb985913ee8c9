// Unfolds codes of base 3 by tables in registers.
#include <immintrin.h>

#include <cstring>

#include "base3.h"

namespace qdsl {
namespace {

// What each byte stands for: the fields of four digits, and the field of the fifth.
struct Tables {
  alignas(64) uint8_t four[256], fifth[256];
};

constexpr Tables kTables = [] {
  Tables tables{};
  for (int byte = 0; byte < 256; ++byte) {
    int rest = byte;
    for (int field = 0; field < 4; ++field, rest /= 3)
      tables.four[byte] |= static_cast<uint8_t>((rest % 3 + 1) << 2 * field);
    tables.fifth[byte] = static_cast<uint8_t>(rest + 1);
  }
  return tables;
}();

struct Table {
  __m512i parts[4];

  explicit Table(const uint8_t* bytes) {
    for (int i = 0; i < 4; ++i) parts[i] = _mm512_load_si512(bytes + 64 * i);
  }
  QDSL_INLINE __m512i at(__m512i bytes) const {
    const __m512i low = _mm512_permutex2var_epi8(parts[0], bytes, parts[1]);
    const __m512i high = _mm512_permutex2var_epi8(parts[2], bytes, parts[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(bytes), high);
  }
};

void unfold(const uint8_t* from, int64_t count, uint8_t* to) {
  const Table four(kTables.four), fifth(kTables.fifth);
  for (; count >= kDigits; count -= kDigits, to += kDigits * kVector) {
    __m512i last = _mm512_setzero_si512();
    for (int i = 0; i < kDigits - 1; ++i, from += kVector) {
      const __m512i bytes = _mm512_loadu_si512(from);
      _mm512_storeu_si512(to + i * kVector, four.at(bytes));
      last = _mm512_or_si512(last, _mm512_slli_epi16(fifth.at(bytes), 2 * i));
    }
    _mm512_storeu_si512(to + (kDigits - 1) * kVector, last);
  }
  std::memcpy(to, from, count * kVector);
}

const Kernels defined{.unfold = unfold};
const Register registered{Isa::avx512vbmi, defined};

}  // namespace
}  // namespace qdsl
