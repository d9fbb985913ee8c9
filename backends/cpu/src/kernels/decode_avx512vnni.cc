// Turns packed codes into bytes by AVX-512.
#include "kernels/codes_avx512.h"
#include "kernels/decode.h"
#include "kernels/entries_avx512.h"

namespace qdsl {
namespace {

// The centres of a panel, four bytes each.
__m512i centres_of(const Weight& w, const uint8_t* zeros, int p) {
  return _mm512_mullo_epi32(start(w, zeros, p, -1), _mm512_set1_epi32(0x01010101));
}

// Byte `i` of every four.
QDSL_INLINE __m512i byte_of_four(int i) {
  const __m128i fours = _mm_set_epi8(12, 12, 12, 12, 8, 8, 8, 8, 4, 4, 4, 4, 0, 0, 0, 0);
  return _mm512_broadcast_i32x4(_mm_add_epi8(fours, _mm_set1_epi8(static_cast<char>(i))));
}

// Each kept code goes where its index says; other positions are centres.
template <int Bits, int Panels, int Kept>
void decode_sparse(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  constexpr int kSpread = 4 / Kept;
  const uint8_t* from = w.codes(block, g);
  const __m512i positions = _mm512_set1_epi32(0x03020100), three = _mm512_set1_epi8(3);
  __m512i centres[Panels];
  for (int p = 0; p < Panels; ++p) centres[p] = centres_of(w, w.zeros(block, g), p);
  for (int64_t s = 0; s < w.steps_of(g); s += kSpread, from += w.vectors * Panels * kVector) {
    each<kQuads, Panels>([&](int q, int p) QDSL_LAMBDA {
      const __m512i codes = quad<Bits, Panels, true>(from, q, p);
      const __m512i places = _mm512_and_si512(places_of<Bits, Panels>(from, q, p), three);
      each<kSpread>([&](int d) QDSL_LAMBDA {
        __m512i dense = centres[p];
        each<Kept>([&](int k) QDSL_LAMBDA {
          const __m512i one = byte_of_four(d * Kept + k);
          const __mmask64 here =
              _mm512_cmpeq_epi8_mask(_mm512_shuffle_epi8(places, one), positions);
          dense = _mm512_mask_shuffle_epi8(dense, here, codes, one);
        });
        _mm512_storeu_si512(to + ((q * kSpread + d) * Panels + p) * kVector, dense);
      });
    });
    to += kQuads * kSpread * Panels * kVector;
  }
}

template <int Bits, int Panels>
void decode_sparse(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  if (w.kept == 2) decode_sparse<Bits, Panels, 2>(w, block, g, to);
  else decode_sparse<Bits, Panels, 1>(w, block, g, to);
}

template <int Bits>
void decode_sparse(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  switch (w.panels_of(block)) {
    case 1: return decode_sparse<Bits, 1>(w, block, g, to);
    case 2: return decode_sparse<Bits, 2>(w, block, g, to);
    case 3: return decode_sparse<Bits, 3>(w, block, g, to);
    default: return decode_sparse<Bits, 4>(w, block, g, to);
  }
}

void decode(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  if (!w.period) return decode_dense(w, block, g, to);
  switch (w.bits) {
    case 2: return decode_sparse<2>(w, block, g, to);
    case 3: return decode_sparse<3>(w, block, g, to);
    case 4: return decode_sparse<4>(w, block, g, to);
    case 8: return decode_sparse<8>(w, block, g, to);
    default: return kernels(Isa::scalar).decode(w, block, g, to);
  }
}

const Kernels defined{.decode = decode};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
