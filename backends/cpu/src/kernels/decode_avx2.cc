// Turns packed codes into bytes for avx2.
#include <immintrin.h>

#include "kernels/decode.h"

namespace qdsl {
namespace {

// Of each output's four bytes the one at `at`, four times.
QDSL_INLINE __m256i repeated(__m256i bytes, int at) {
  const __m256i first = _mm256_set1_epi32(0x01010101 * at);
  const __m256i outputs = _mm256_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0, 0x0c0c0c0c,
                                           0x08080808, 0x04040404, 0);
  return _mm256_shuffle_epi8(bytes, _mm256_add_epi8(outputs, first));
}

// Four dense positions of 8 outputs: codes first..first + Kept - 1 of each in their places.
template <int Kept>
QDSL_INLINE __m256i placed(__m256i dense, __m256i codes, __m256i places, int first) {
  const __m256i positions = _mm256_set1_epi32(0x03020100);
  for (int i = first; i < first + Kept; ++i) {
    const __m256i here = _mm256_cmpeq_epi8(repeated(places, i), positions);
    dense = _mm256_blendv_epi8(dense, repeated(codes, i), here);
  }
  return dense;
}

// What pruned positions of 8 outputs read as.
QDSL_INLINE __m256i centres_of(const Weight& w, const uint8_t* zeros) {
  if (w.zero != Zero::integer) return _mm256_set1_epi8(static_cast<char>(w.centre));
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(zeros));
  return _mm256_mullo_epi32(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(0x01010101));
}

template <int Bits, int Kept>
void decode_sparse(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  constexpr int kSpread = 4 / Kept;
  const int64_t apart = w.panels_of(block) * kVector;
  const uint8_t* step = w.codes(block, g);
  for (int64_t s = 0; s < w.steps_of(g); s += kSpread, step += w.vectors * apart) {
    for (int64_t i = 0; i < apart; i += 32) {
      const __m256i centres = centres_of(w, w.zeros(block, g) + i / 4);
      for (int q = 0; q < kQuads; ++q) {
        const Words codes = decoded<Bits, false, true>(step + i, apart, q);
        Words places;
        std::memcpy(&places, step + sparse_vector(Bits, Bits + q / 4) * apart + i, 32);
        places = places >> q % 4 * 2 & 0x0303030303030303u;
        for (int f = 0; f < kSpread; ++f) {
          const __m256i dense = placed<Kept>(centres, reinterpret_cast<__m256i>(codes),
                                             reinterpret_cast<__m256i>(places), f * Kept);
          std::memcpy(to + (q * kSpread + f) * apart + i, &dense, 32);
        }
      }
    }
    to += kQuads * kSpread * apart;
  }
}

template <int Kept>
void decode_kept(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  switch (w.bits) {
    case 1: return decode_sparse<1, Kept>(w, block, g, to);
    case 2: return decode_sparse<2, Kept>(w, block, g, to);
    case 3: return decode_sparse<3, Kept>(w, block, g, to);
    case 4: return decode_sparse<4, Kept>(w, block, g, to);
    case 5: return decode_sparse<5, Kept>(w, block, g, to);
    case 6: return decode_sparse<6, Kept>(w, block, g, to);
    case 7: return decode_sparse<7, Kept>(w, block, g, to);
    default: return decode_sparse<8, Kept>(w, block, g, to);
  }
}

void decode(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  if (!w.period) return decode_dense(w, block, g, to);
  if (w.half) return kernels(Isa::scalar).decode(w, block, g, to);
  if (w.kept == 1) return decode_kept<1>(w, block, g, to);
  decode_kept<2>(w, block, g, to);
}

const Kernels defined{.decode = decode};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
