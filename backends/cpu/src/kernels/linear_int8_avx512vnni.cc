// Multiplies integer activations with packed weights by AVX-512 VNNI: the weight's code is the
// unsigned operand, the activation's the signed one, and nothing saturates. A 32-bit sum may wrap
// around on its way, but not in the end: the scalar kernel serves what does.
//
// Codes of 1, 2, 4 and 8 bits are unpacked in registers, beside the products: a tile of rows and a
// block of outputs keeps the multipliers busy while the other pipes unpack. Other codes are decoded
// to bytes first, some groups at a time.
#include <immintrin.h>

#include <cstring>

#include "kernel.h"
#include "kernels/entries_avx512.h"
#include "kernels/unrolled.h"

namespace qdsl {
namespace {

// Quad q of panel p: 16 outputs x 4 positions.
template <int Bits, int Panels>
QDSL_INLINE __m512i unpack(const uint8_t* step, int q, int p) {
  constexpr int kPerByte = 8 / Bits;
  const __m512i vector = _mm512_loadu_si512(step + (q / kPerByte * Panels + p) * kVector);
  if constexpr (Bits == 8) return vector;
  const int f = q % kPerByte;
  const __m512i mask = _mm512_set1_epi8(Bits == 1 ? 2 : (1 << Bits) - 1);
  if (Bits == 1 && f == 0) return _mm512_and_si512(_mm512_add_epi8(vector, vector), mask);
  const int shift = Bits == 1 ? f - 1 : Bits * f;
  return _mm512_and_si512(shift ? _mm512_srli_epi16(vector, shift) : vector, mask);
}

QDSL_INLINE __m512i four_activations(const int8_t* x) {
  int32_t four;
  std::memcpy(&four, x, sizeof(four));
  return _mm512_set1_epi32(four);
}

// What the next block holds, fetched while this one is multiplied: `lines` a step.
struct Ahead {
  const uint8_t* at;
  int64_t lines;

  QDSL_INLINE void fetch() {
    for (int64_t i = 0; i < lines; ++i, at += kVector) _mm_prefetch(at, _MM_HINT_T1);
  }
};

// sums += the products of a group. Inlined, so that they stay in registers.
template <int Bits, int Rows, int Panels>
QDSL_INLINE void accumulate(const uint8_t* codes, const int8_t* x, int64_t stride, int64_t steps,
                            Ahead& ahead, __m512i (&sums)[Rows][Panels]) {
  for (int64_t step = 0; step < steps; ++step) {
    ahead.fetch();
#pragma GCC unroll 8
    for (int q = 0; q < kQuads; ++q) {
      __m512i u[Panels];
      each<Panels>([&](int p) QDSL_LAMBDA { u[p] = unpack<Bits, Panels>(codes, q, p); });
      each<Rows>([&](int r) QDSL_LAMBDA {
        const __m512i four = four_activations(x + r * stride + 4 * q);
        each<Panels>([&](int p) QDSL_LAMBDA {
          sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], u[p], four);
        });
      });
    }
    codes += Panels * Bits * kVector;
    x += kStep;
  }
}

// The same for one row, whose unpacking nothing hides: fields of a byte are multiplied where they
// are, each place with sums of its own that are shifted at the end. One row's sums also wait less
// for each other that way. Groups up to kLongestInPlace do not leave 32 bits.
inline constexpr int64_t kLongestInPlace = 1 << 17;

template <int Bits, int Panels>
QDSL_INLINE void accumulate_in_place(const uint8_t* codes, const int8_t* x, int64_t steps,
                                     __m512i (&sums)[1][Panels]) {
  constexpr int kPerByte = 8 / Bits, kPlaces = Bits == 1 ? 4 : Bits == 8 ? 2 : kPerByte;
  __m512i places[kPlaces][Panels];
  each<kPlaces, Panels>([&](int f, int p) QDSL_LAMBDA { places[f][p] = _mm512_setzero_si512(); });
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 8
    for (int q = 0; q < kQuads; ++q) {
      const int place = q % kPlaces;
      const __m512i four = four_activations(x + 4 * q);
      const __m512i mask = _mm512_set1_epi8(static_cast<char>(((1 << Bits) - 1) << place * Bits));
      each<Panels>([&](int p) QDSL_LAMBDA {
        __m512i u = _mm512_loadu_si512(codes + (q / kPerByte * Panels + p) * kVector);
        if (q % kPerByte >= kPlaces) u = _mm512_srli_epi16(u, 4);
        if (Bits < 8) u = _mm512_and_si512(u, mask);
        places[place][p] = _mm512_dpbusd_epi32(places[place][p], u, four);
      });
    }
    codes += Panels * Bits * kVector;
    x += kStep;
  }
  each<Panels>([&](int p) QDSL_LAMBDA {
    __m512i sum = places[0][p];
    each<kPlaces - 1>([&](int f) QDSL_LAMBDA {
      const int shift = Bits == 8 ? 0 : (f + 1) * Bits;
      sum = _mm512_add_epi32(sum, _mm512_srai_epi32(places[f + 1][p], shift));
    });
    if (Bits == 1) sum = _mm512_add_epi32(sum, sum);  // codes of 1 bit read as 0 or 2
    sums[0][p] = _mm512_add_epi32(sums[0][p], sum);
  });
}

// Some groups of a block, decoded to bytes or, with null, as they are.
struct Part {
  int64_t first, last;
  const uint8_t* decoded;
  Ahead ahead = {nullptr, 0};
};

// Sums of codes, [groups, 64]: what an offset of the activations multiplies. Centres are not in it:
// they multiply the sums of activations, which have the offset.
template <int Bits, int Panels>
void sum_codes(const Weight& w, const Tokens& t, int64_t block, const Part& part, int32_t* to) {
  const uint8_t* at = part.decoded;
  Ahead none{nullptr, 0};
  for (int64_t g = part.first; g < part.last; ++g) {
    const int64_t steps = w.steps_of(g);
    __m512i sums[1][Panels];
    for (int p = 0; p < Panels; ++p) sums[0][p] = _mm512_setzero_si512();
    accumulate<Bits, 1, Panels>(part.decoded ? at : w.codes(block, g),
                                t.ones + g * w.group_steps * kStep, 0, steps, none, sums);
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(to + g * kBlock + p * kLanes, sums[0][p]);
    at += Panels * steps * kQuads * kVector;
  }
}

template <int Bits, int Rows, int Panels, bool Floats, bool InPlace = false>
void tile(const Weight& w, const Tokens& t, int64_t row, int64_t block, const Part& part,
          const Output& out, const Workspace& work) {
  __m512 totals[Rows][Panels];
  float* const kept = work.totals + row * kBlock;
  each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
    totals[r][p] = part.first ? _mm512_loadu_ps(kept + r * kBlock + p * kLanes)
                              : _mm512_setzero_ps();
  });
  const int8_t* x = t.codes + row * t.stride + part.first * w.group_steps * kStep;
  const uint8_t* segment = w.codes(block, part.first);
  const uint8_t* decoded = part.decoded;
  Ahead ahead = part.ahead;

  for (int64_t g = part.first; g < part.last; ++g) {
    const int64_t steps = w.steps_of(g);
    const uint8_t* scales = segment + Panels * (steps / w.spread) * w.vectors * kVector;
    const uint8_t* zeros = scales + kBlock * bytes_of(w.scale);
    const int32_t* activations = t.sums + row * w.groups + g;  // of row r at r * groups
    __m512i sums[Rows][Panels];
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
      sums[r][p] = start(w, zeros, p, activations[r * w.groups]);
    });
    if (t.offset)
      each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
        sums[r][p] = moved(sums[r][p], t.offset, work.code_sums, g, p);
      });
    const uint8_t* codes = decoded ? decoded : segment;
    if constexpr (Rows == 1 && InPlace) accumulate_in_place<Bits, Panels>(codes, x, steps, sums);
    else accumulate<Bits, Rows, Panels>(codes, x, t.stride, steps, ahead, sums);
    if constexpr (!Floats) {
      each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
        store_sums(w, out, row + r, g, block, p, sums[r][p]);
      });
    } else if (w.zero == Zero::floating) {
      each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
        const __m512 term = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][p]), scales_of(w, scales, p));
        totals[r][p] = _mm512_add_ps(
            totals[r][p], shifted(w, term, zeros, p, activations[r * w.groups]));
      });
    } else {
      each<Panels>([&](int p) QDSL_LAMBDA {
        const __m512 scale = scales_of(w, scales, p);
        each<Rows>([&](int r) QDSL_LAMBDA {
          const __m512 term = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][p]), scale);
          totals[r][p] = _mm512_add_ps(totals[r][p], term);
        });
      });
    }
    x += steps * kStep;
    if (decoded) decoded += Panels * steps * kQuads * kVector;
    segment = scales + w.entry_bytes;
  }
  if constexpr (!Floats) return;
  if (part.last < w.groups) {
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
      _mm512_storeu_ps(kept + r * kBlock + p * kLanes, totals[r][p]);
    });
  } else {
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
      const __m512 scale = _mm512_set1_ps(t.scales[row + r]);
      finish(w, out, row + r, block, p, _mm512_mul_ps(totals[r][p], scale));
    });
  }
}

// As many rows at a time as are left, of Rows and then of each of Fewer.
template <int Bits, int Panels, bool Floats, int Rows, int... Fewer>
void all_rows(const Weight& w, const Tokens& t, int64_t row, int64_t block, Part& part,
              const Output& out, const Workspace& work) {
  for (; row + Rows <= t.rows; row += Rows) {
    tile<Bits, Rows, Panels, Floats>(w, t, row, block, part, out, work);
    part.ahead.at += part.ahead.lines * kVector * w.steps;
  }
  if constexpr (sizeof...(Fewer) > 0)
    all_rows<Bits, Panels, Floats, Fewer...>(w, t, row, block, part, out, work);
}

template <int Bits, int Panels>
void all_of(const Weight& w, const Tokens& t, int64_t block, Part part, const Output& out,
            const Workspace& work) {
  if (t.offset) sum_codes<Bits, Panels>(w, t, block, part, work.code_sums);
  if (out.sums) return all_rows<Bits, Panels, false, 4, 1>(w, t, 0, block, part, out, work);
  if (t.rows == 1 && w.full_group <= kLongestInPlace)
    return tile<Bits, 1, Panels, true, true>(w, t, 0, block, part, out, work);
  all_rows<Bits, Panels, true, 4, 3, 2, 1>(w, t, 0, block, part, out, work);
}

// Groups that are decoded at once.
int64_t groups_at_once(const Weight& w) {
  const int64_t bytes = kPanels * w.group_steps * kQuads * kVector;
  return bytes && bytes < kDecodedBytes ? kDecodedBytes / bytes : 1;
}

template <int Panels>
void decoded_block(const Weight& w, const Tokens& t, int64_t block, const Output& out,
                   const Workspace& work, DecodeKernel decode) {
  const int64_t at_once = groups_at_once(w);
  for (int64_t g = 0; g < w.groups; g += at_once) {
    const int64_t last = g + at_once < w.groups ? g + at_once : w.groups;
    for (int64_t i = g; i < last; ++i)
      decode(w, block, i, work.codes + (i - g) * Panels * w.group_steps * kQuads * kVector);
    all_of<8, Panels>(w, t, block, {g, last, work.codes}, out, work);
  }
}

template <int Panels>
void one_block(const Weight& w, const Tokens& t, int64_t block, const Output& out,
               const Workspace& work) {
  Part whole{0, w.groups, nullptr};
  if (t.rows > 4) {
    const int64_t tiles = t.rows / 4, lines = w.vectors * Panels;  // of a step
    whole.ahead = {w.codes(block + 1, 0), (lines + tiles - 1) / tiles};
  }
  // without any groups, which takes no codes, any kernel does
  switch (!w.groups ? 8 : w.period || w.half ? 0 : w.bits) {
    case 1: return all_of<1, Panels>(w, t, block, whole, out, work);
    case 2: return all_of<2, Panels>(w, t, block, whole, out, work);
    case 4: return all_of<4, Panels>(w, t, block, whole, out, work);
    case 8: return all_of<8, Panels>(w, t, block, whole, out, work);
    default: return decoded_block<Panels>(w, t, block, out, work, kernels(Isa::avx512vnni).decode);
  }
}

void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace& work) {
  for (int64_t block = first; block < last; ++block) {
    switch (w.panels_of(block)) {
      case 1: one_block<1>(w, t, block, out, work); break;
      case 2: one_block<2>(w, t, block, out, work); break;
      case 3: one_block<3>(w, t, block, out, work); break;
      default: one_block<4>(w, t, block, out, work);
    }
  }
}

const Kernels defined{.linear_int8 = linear};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
