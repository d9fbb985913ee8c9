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

// Few rows have more than one set of sums: each waits for the one before it.
template <int Rows>
inline constexpr int kSets = Rows == 1 ? 2 : 1;

// sums += the products of a group. Inlined, so that they stay in registers.
template <int Bits, int Rows, int Panels>
QDSL_INLINE void accumulate(const uint8_t* codes, const int8_t* x, int64_t stride, int64_t steps,
                            __m512i (&sums)[Rows][Panels]) {
  __m512i second[Rows][Panels];
  if constexpr (kSets<Rows> == 2)
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA { second[r][p] = _mm512_setzero_si512(); });
  for (int64_t step = 0; step < steps; ++step) {
#pragma GCC unroll 8
    for (int q = 0; q < kQuads; ++q) {
      auto& to = kSets<Rows> == 2 && q % 2 ? second : sums;
      __m512i u[Panels];
      each<Panels>([&](int p) QDSL_LAMBDA { u[p] = unpack<Bits, Panels>(codes, q, p); });
      each<Rows>([&](int r) QDSL_LAMBDA {
        const __m512i four = four_activations(x + r * stride + 4 * q);
        each<Panels>([&](int p) QDSL_LAMBDA { to[r][p] = _mm512_dpbusd_epi32(to[r][p], u[p], four); });
      });
    }
    codes += Panels * Bits * kVector;
    x += kStep;
  }
  if constexpr (kSets<Rows> == 2)
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA { sums[r][p] = _mm512_add_epi32(sums[r][p], second[r][p]); });
}

// Some groups of a block, decoded to bytes or, with null, as they are.
struct Part {
  int64_t first, last;
  const uint8_t* decoded;
};

// Sums of codes, [groups, 64]: what an offset of the activations multiplies. Centres are not in it:
// they multiply the sums of activations, which have the offset.
template <int Bits, int Panels>
void sum_codes(const Weight& w, const Tokens& t, int64_t block, const Part& part, int32_t* to) {
  const uint8_t* at = part.decoded;
  for (int64_t g = part.first; g < part.last; ++g) {
    const int64_t steps = w.steps_of(g);
    __m512i sums[1][Panels];
    for (int p = 0; p < Panels; ++p) sums[0][p] = _mm512_setzero_si512();
    accumulate<Bits, 1, Panels>(part.decoded ? at : w.codes(block, g),
                                t.ones + g * w.group_steps * kStep, 0, steps, sums);
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(to + g * kBlock + p * kLanes, sums[0][p]);
    at += Panels * steps * kQuads * kVector;
  }
}

template <int Bits, int Rows, int Panels, bool Floats>
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

  for (int64_t g = part.first; g < part.last; ++g) {
    const int64_t steps = w.steps_of(g);
    const uint8_t* scales = segment + Panels * steps * w.vectors * kVector;
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
    accumulate<Bits, Rows, Panels>(decoded ? decoded : segment, x, t.stride, steps, sums);
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
void all_rows(const Weight& w, const Tokens& t, int64_t row, int64_t block, const Part& part,
              const Output& out, const Workspace& work) {
  for (; row + Rows <= t.rows; row += Rows)
    tile<Bits, Rows, Panels, Floats>(w, t, row, block, part, out, work);
  if constexpr (sizeof...(Fewer) > 0)
    all_rows<Bits, Panels, Floats, Fewer...>(w, t, row, block, part, out, work);
}

template <int Bits, int Panels>
void all_of(const Weight& w, const Tokens& t, int64_t block, const Part& part, const Output& out,
            const Workspace& work) {
  if (t.offset) sum_codes<Bits, Panels>(w, t, block, part, work.code_sums);
  if (out.sums) return all_rows<Bits, Panels, false, 4, 1>(w, t, 0, block, part, out, work);
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
  const Part whole{0, w.groups, nullptr};
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
