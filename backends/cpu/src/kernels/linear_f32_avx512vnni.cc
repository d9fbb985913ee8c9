// Multiplies float activations with packed weights by AVX-512: codes become floats in registers.
#include <immintrin.h>

#include "kernel.h"

namespace qdsl {
namespace {

// Positions summed in one register, and sums of those added up, before a total takes them in with
// compensation: what keeps the error independent of how long a group is.
constexpr int64_t kBlock = 16;
constexpr int64_t kBlocks = 8;

// From so many rows on, a panel's codes become floats once for all, rather than with every 8 rows.
constexpr int64_t kRowsToExpand = 24;

// Floats that stand for the codes below 16, less the centre where the whole weight has one.
template <int Bits, bool PerGroup>
__m512 table_of(const Weight& w) {
  if constexpr (Bits >= 8) return _mm512_setzero_ps();
  else {
    alignas(64) float table[16];
    for (int i = 0; i < 16; ++i) {
      const int code = Bits == 1 ? (i & 1) * 2 : i & ((1 << Bits) - 1);
      table[i] = static_cast<float>(PerGroup ? code : code - w.centre);
    }
    return _mm512_load_ps(table);
  }
}

// Of each output, as decode() takes it: at 8 bits with 2^23 added.
template <int Bits, bool PerGroup>
__m512 centres_of(const Weight& w, int64_t entry) {
  __m512 centres = _mm512_set1_ps(static_cast<float>(w.centre));
  if (PerGroup) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(w.centres + entry));
    centres = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
  }
  return Bits == 8 ? _mm512_add_ps(centres, _mm512_set1_ps(8388608.0f)) : centres;
}

// The code at bit `shift` of each 32-bit word, as a float less its centre; 32 bits are one already.
template <int Bits, bool PerGroup>
__m512 decode(__m512i step, int shift, __m512 table, __m512 centres) {
  if constexpr (Bits == 32) return _mm512_castsi512_ps(step);
  const __m512i word = reinterpret_cast<__m512i>(reinterpret_cast<__v16su>(step) >> shift);
  if constexpr (Bits == 8) {  // the low byte as the end of the significand of 2^23 + u
    const __m512i low = _mm512_set1_epi32(0xff), exponent = _mm512_set1_epi32(0x4b000000);
    const __m512i bits = _mm512_ternarylogic_epi32(word, low, exponent, 0xea);  // (a & b) | c
    return _mm512_sub_ps(_mm512_castsi512_ps(bits), centres);
  }
  const __m512 value = _mm512_permutexvar_ps(word, table);  // reads 4 bits of the index
  return PerGroup ? _mm512_sub_ps(value, centres) : value;
}

// sums = the products of `steps` steps. Inlined, so that they stay in registers.
template <int Bits, bool PerGroup, int Rows, int Panels>
QDSL_INLINE void multiply(const uint8_t* const (&codes)[Panels], const float* const (&x)[Rows],
                          int64_t steps, __m512 table, const __m512 (&centres)[Panels],
                          __m512 (&sums)[Rows][Panels]) {
  constexpr int kPositions = 32 / Bits;  // in a word
  for (auto& of_row : sums)
    for (__m512& sum : of_row) sum = _mm512_setzero_ps();
  for (int64_t s = 0; s < steps; ++s) {
    __m512i step[Panels];
    for (int p = 0; p < Panels; ++p) step[p] = _mm512_loadu_si512(codes[p] + s * kStepBytes);
#pragma GCC unroll 32
    for (int k = 0; k < kPositions; ++k) {
      const int shift = 8 * (k % 4) + Bits * (k / 4);
      __m512 values[Panels];
      for (int p = 0; p < Panels; ++p)
        values[p] = decode<Bits, PerGroup>(step[p], shift, table, centres[p]);
      for (int r = 0; r < Rows; ++r) {
        const __m512 activation = _mm512_set1_ps(x[r][s * kPositions + k]);
        for (int p = 0; p < Panels; ++p)
          sums[r][p] = _mm512_fmadd_ps(values[p], activation, sums[r][p]);
      }
    }
  }
}

// Kahan's sum, in which an infinity stays one.
struct Total {
  __m512 value, error;

  void add(__m512 term) {
    const __m512 corrected = _mm512_sub_ps(term, error);
    const __m512 next = _mm512_add_ps(value, corrected);
    const __m512 lost = _mm512_sub_ps(_mm512_sub_ps(next, value), corrected);
    error = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(lost, lost, _CMP_ORD_Q), lost);
    value = next;
  }
};

float sum_of(const float* x, int64_t count) {
  double sum = 0;
  for (int64_t k = 0; k < count; ++k) sum += x[k];
  return static_cast<float>(sum);
}

// The share of `count` positions, those that end at x.
__m512 scaled(const Weight& w, int64_t entry, __m512 sum, const float* x, int64_t count) {
  const __m512 term = _mm512_mul_ps(sum, _mm512_loadu_ps(w.scales + entry));
  if (!w.shifts) return term;
  const __m512 activations = _mm512_set1_ps(sum_of(x - count, count));
  return _mm512_sub_ps(term, _mm512_mul_ps(activations, _mm512_loadu_ps(w.shifts + entry)));
}

void store(const Weight& w, const Output& out, int64_t row, int64_t panel, __m512 y) {
  const int64_t n = panel * kLanes, valid = w.outputs - n;
  const __mmask16 mask = valid >= kLanes ? 0xffff : (1u << valid) - 1;
  if (out.bias)
    y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(mask, out.bias + row * out.bias_stride + n));
  _mm512_mask_storeu_ps(out.values + row * w.outputs + n, mask, y);
}

// sums = the products of the next steps, at most `left` and kBlocks blocks of them. Returns how
// many they are, and moves codes and x past them.
template <int Bits, bool PerGroup, int Rows, int Panels>
QDSL_INLINE int64_t add_blocks(const uint8_t* (&codes)[Panels], const float* (&x)[Rows],
                               int64_t left, int64_t block_steps, __m512 table,
                               const __m512 (&centres)[Panels],
                               __m512 (&sums)[Rows][Panels]) {
  int64_t done = 0;
  for (int64_t block = 0; block < kBlocks && done < left; ++block) {
    const int64_t steps = left - done < block_steps ? left - done : block_steps;
    __m512 sum[Rows][Panels];
    multiply<Bits, PerGroup, Rows, Panels>(codes, x, steps, table, centres, sum);
    for (int r = 0; r < Rows; ++r)
      for (int p = 0; p < Panels; ++p) sums[r][p] = _mm512_add_ps(sums[r][p], sum[r][p]);
    for (auto& pointer : codes) pointer += steps * kStepBytes;
    for (auto& pointer : x) pointer += steps * (32 / Bits);
    done += steps;
  }
  return done;
}

// Where the codes of a panel begin: those of the weight, or floats that they were expanded to.
template <int Bits>
const uint8_t* codes_of(const Weight& w, const Tokens& t, int64_t panel, int p) {
  if (Bits < 32) return w.panel_codes(panel + p);
  return reinterpret_cast<const uint8_t*>(t.workspace + p * t.stride * kLanes);
}

template <int Bits, bool PerGroup, int Rows, int Panels>
void tile(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Output& out) {
  const __m512 table = table_of<Bits, PerGroup>(w);
  Total totals[Rows][Panels] = {};
  const uint8_t* codes[Panels];
  const float* x[Rows];
  for (int p = 0; p < Panels; ++p) codes[p] = codes_of<Bits>(w, t, panel, p);
  for (int r = 0; r < Rows; ++r) x[r] = t.values + (row + r) * t.stride;

  // at least one step of the weight, also where it was expanded: a row's sums are the same for
  // every number of rows
  const int64_t block_steps = (kBlock < w.step ? w.step : kBlock) * Bits / 32;
  for (int64_t g = 0; g < w.groups; ++g) {
    int64_t entries[Panels];
    __m512 centres[Panels];
    for (int p = 0; p < Panels; ++p) entries[p] = w.entry(panel + p, g);
    for (int p = 0; p < Panels; ++p) centres[p] = centres_of<Bits, PerGroup>(w, entries[p]);
    for (int64_t left = w.steps_of(g) * (Bits < 32 ? 1 : w.step); left > 0;) {
      __m512 sums[Rows][Panels] = {};
      const int64_t steps =
          add_blocks<Bits, PerGroup, Rows, Panels>(codes, x, left, block_steps, table, centres,
                                                   sums);
      for (int r = 0; r < Rows; ++r)
        for (int p = 0; p < Panels; ++p)
          totals[r][p].add(scaled(w, entries[p], sums[r][p], x[r], steps * (32 / Bits)));
      left -= steps;
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int p = 0; p < Panels; ++p) store(w, out, row + r, panel + p, totals[r][p].value);
}

// As many rows at a time as are left, of Rows and then of each of Fewer.
template <int Bits, bool PerGroup, int Panels, int Rows, int... Fewer>
void all_rows(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Output& out) {
  for (; row + Rows <= t.rows; row += Rows)
    tile<Bits, PerGroup, Rows, Panels>(w, t, row, panel, out);
  if constexpr (sizeof...(Fewer) > 0)
    all_rows<Bits, PerGroup, Panels, Fewer...>(w, t, row, panel, out);
}

// Writes the codes of a panel, less their centres, to the workspace as floats [positions, 16].
template <int Bits, bool PerGroup>
void expand(const Weight& w, const Tokens& t, int64_t panel, int p) {
  const __m512 table = table_of<Bits, PerGroup>(w);
  const uint8_t* codes = w.panel_codes(panel + p);
  float* to = t.workspace + p * t.stride * kLanes;
  for (int64_t g = 0; g < w.groups; ++g) {
    const __m512 centres = centres_of<Bits, PerGroup>(w, w.entry(panel + p, g));
    for (int64_t s = 0; s < w.steps_of(g); ++s, codes += kStepBytes) {
      const __m512i step = _mm512_loadu_si512(codes);
#pragma GCC unroll 32
      for (int k = 0; k < 32 / Bits; ++k, to += kLanes) {
        const int shift = 8 * (k % 4) + Bits * (k / 4);
        _mm512_storeu_ps(to, decode<Bits, PerGroup>(step, shift, table, centres));
      }
    }
  }
}

template <int Bits, bool PerGroup>
void all_panels(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out) {
  if (t.rows < 4)
    for (; first + 4 <= last; first += 4) all_rows<Bits, PerGroup, 4, 2, 1>(w, t, 0, first, out);
  if (t.workspace && t.rows >= kRowsToExpand) {
    for (; first + 2 <= last; first += 2) {
      expand<Bits, PerGroup>(w, t, first, 0);
      expand<Bits, PerGroup>(w, t, first, 1);
      all_rows<32, false, 2, 8, 4, 2, 1>(w, t, 0, first, out);
    }
  }
  for (; first + 2 <= last; first += 2)
    all_rows<Bits, PerGroup, 2, 8, 4, 2, 1>(w, t, 0, first, out);
  if (first < last) all_rows<Bits, PerGroup, 1, 4, 2, 1>(w, t, 0, first, out);
}

template <int Bits>
void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out) {
  if (w.centres) return all_panels<Bits, true>(w, t, first, last, out);
  all_panels<Bits, false>(w, t, first, last, out);
}

const Kernels defined{.linear_f32 = {linear<1>, linear<2>, linear<4>, linear<8>}};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
