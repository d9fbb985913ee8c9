// The product of one row of integer activations with blocks of a packed weight by AVX-512, with as
// little as can be between groups: what codes_avx512.h and linear_int8_avx512.h do for any rows.
#pragma once

#include "kernels/entries_avx512.h"
#include "kernels/in_place_avx512.h"
#if defined(__AVX512VBMI__)
#include "kernels/tables_avx512.h"
#endif

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// How the sum of a group and its scale get into a total: as `add_scaled` does, or as f16 without what
// others ask for, since short groups wait for that. Where a sum has 13 bits, its product with an f16
// is exact, and a fused addition rounds as two instructions do.
enum class Scaling { any, f16, exact };

inline Scaling scaling_of(const Weight& w) {
  if (w.zero != Zero::none || w.scale != Float::f16 || w.half) return Scaling::any;
  return w.full_group * w.largest * 128 <= 1 << 13 ? Scaling::exact : Scaling::f16;
}

template <Scaling How>
QDSL_INLINE __m512 plus_scaled(const Weight& w, __m512 total, __m512i sum, const uint8_t* scales,
                               int p) {
  const __m512 value = _mm512_cvtepi32_ps(sum);
  const __m512 scale =
      How == Scaling::any ? scales_of(w, scales, p) : entries_of(scales, p, Float::f16);
  if constexpr (How == Scaling::exact) return _mm512_fmadd_ps(value, scale, total);
  return _mm512_add_ps(total, _mm512_mul_ps(value, scale));
}

// One row of a weight that is scaled by f16 and has one centre, as most have. Short: groups of a step,
// to which fewer sums do better.
template <int Bits, int Panels, bool Short, Scaling How>
[[gnu::noinline]] void row_tile(const Product& job) {
  using Way = InPlace<Bits, Bits == 1 ? 4 : Short ? 1 : 2>;
  const Weight& w = job.w;
  const int32_t* activations = job.t.sums;
  const uint32_t factor = -static_cast<uint32_t>(w.centre) << Way::kLift;
  const int8_t* x = job.t.codes;
  const uint8_t* codes = w.codes(job.block, 0);
  const int64_t groups = w.groups, group_steps = w.group_steps, last_steps = w.last_steps;
  Ahead none{nullptr, 0};
  __m512 totals[Panels];
  each<Panels>([&](int p) QDSL_LAMBDA { totals[p] = _mm512_setzero_ps(); });
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t steps = Short ? 1 : g + 1 < groups ? group_steps : last_steps;
    const uint8_t* scales = codes + steps * Panels * Bits * kVector;
    __m512i sums[1][Panels];
    const auto from = static_cast<int32_t>(factor * static_cast<uint32_t>(activations[g]));
    const __m512i first = _mm512_set1_epi32(from);
    each<Panels>([&](int p) QDSL_LAMBDA { sums[0][p] = first; });
    Way::template accumulate<1, Panels>(codes, x, 0, steps, none, sums);
    each<Panels>([&](int p) QDSL_LAMBDA {
      totals[p] = plus_scaled<How>(w, totals[p], sums[0][p], scales, p);
    });
    x += steps * kStep;
    codes = scales + kBlock * bytes_of(Float::f16);
  }
  const __m512 scale = _mm512_set1_ps(job.t.scales[0]);
  each<Panels>([&](int p) QDSL_LAMBDA {
    finish(job.w, job.out, 0, job.block, p, _mm512_mul_ps(totals[p], scale));
  });
}

#if defined(__AVX512VBMI__)
constexpr int64_t kBlocksForTables = 8;  // that pay for building them

template <int Blocks, int Panels, Scaling How>
[[gnu::noinline]] void table_tile(const Product& job) {
  const auto& [w, t, out, work, block] = job;
  const uint8_t* segment = w.codes(block, 0);
  const uint8_t* table = work.tables;
  const int64_t apart = w.block_bytes;
  __m512 totals[Blocks][Panels];
  each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA { totals[b][p] = _mm512_setzero_ps(); });
  for (int64_t g = 0; g < w.groups; ++g) {
    const int64_t steps = w.steps_of(g);
    const uint8_t* scales = segment + Panels * steps * kVector;
    const __m512i first = start(w, scales, 0, t.sums[g]);  // codes of 1 bit have one centre
    __m512i sums[Blocks][Panels];
    each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA { sums[b][p] = first; });
    Tables::multiply<Blocks, Panels>(segment, apart, table, steps, sums);
    const Weight& weight = w;
    each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA {
      totals[b][p] = plus_scaled<How>(weight, totals[b][p], sums[b][p], scales + b * apart, p);
    });
    table += steps * Tables::kBytes;
    segment = scales + w.entry_bytes;
  }
  const Product& to = job;
  const __m512 scale = _mm512_set1_ps(t.scales[0]);
  each<Blocks, Panels>([&](int b, int p) QDSL_LAMBDA {
    finish(to.w, to.out, 0, to.block + b, p, _mm512_mul_ps(totals[b][p], scale));
  });
}

// Blocks by threes: as many as leave registers for their sums.
constexpr int64_t kBlocksAtOnce = 3;

void by_tables(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
               const Workspace& work) {
  Tables::build(t.codes, w.steps, work.tables);
  const auto whole = [&](int64_t end) { return end <= last && w.panels_of(end - 1) == kPanels; };
  constexpr int kAtOnce = kBlocksAtOnce;
  const Scaling how = scaling_of(w);
  const auto tile = how == Scaling::any   ? table_tile<kAtOnce, kPanels, Scaling::any>
                    : how == Scaling::f16 ? table_tile<kAtOnce, kPanels, Scaling::f16>
                                          : table_tile<kAtOnce, kPanels, Scaling::exact>;
  for (; whole(first + kBlocksAtOnce); first += kBlocksAtOnce)
    tile({w, t, out, work, first});
  for (; first < last; ++first) {
    const Product job{w, t, out, work, first};
    switch (w.panels_of(first)) {
      case 1: table_tile<1, 1, Scaling::any>(job); break;
      case 2: table_tile<1, 2, Scaling::any>(job); break;
      case 3: table_tile<1, 3, Scaling::any>(job); break;
      default: table_tile<1, 4, Scaling::any>(job);
    }
  }
}
#endif

}  // namespace
}  // namespace qdsl
