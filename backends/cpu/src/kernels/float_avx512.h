// Multiplies float activations with packed weights by AVX-512, for the arithmetics of f32 and bf16.
// Where codes become numbers by a few instructions, four rows at a time read the packed ones;
// elsewhere a tile of the codes is expanded once for many rows.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernel.h"
#include "kernels/float_codes_avx512.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

constexpr int64_t kTile = 256;  // words of a block that are expanded at once

// One product, with what is the same for all of its parts.
struct Job {
  const Weight& w;
  const Tokens& t;
  const Output& out;
  const Workspace& work;
  DecodeKernel decode;
};

// Codes of a group: as they are, or decoded to bytes.
template <bool Decoded>
QDSL_INLINE const uint8_t* codes_of(const Job& job, int64_t block, int64_t g) {
  if (!Decoded) return job.w.codes(block, g);
  job.decode(job.w, block, g, job.work.codes);
  return job.work.codes;
}

// ---- packed codes ------------------------------------------------------------------------------

template <class A, int Bits, Codes Mode, bool Decoded>
void stream_block(const Job& job, int64_t block, const Totals& totals) {
  Numbers<A, kPanels> numbers;
  numbers.table = A::template table<Bits, Mode>(job.w);
  for (int64_t g = 0; g < job.w.groups; ++g) {
    const uint8_t* codes = codes_of<Decoded>(job, block, g);
    set_centres<A, Mode>(job.w, block, g, numbers);
    int64_t row = 0;
    const auto run = [&](auto rows) {
      stream_group<A, Bits, Mode, decltype(rows)::value>(job.w, job.t, row, block, g, codes,
                                                         numbers, totals);
    };
    for (; row + 4 <= job.t.rows; row += 4) run(std::integral_constant<int, 4>());
    switch (job.t.rows - row) {
      case 1: run(std::integral_constant<int, 1>()); break;
      case 2: run(std::integral_constant<int, 2>()); break;
      case 3: run(std::integral_constant<int, 3>()); break;
      default: break;
    }
  }
}

// ---- expanded codes ----------------------------------------------------------------------------

// Step `step` of group `g`.
struct Place {
  int64_t g, step;
};

QDSL_INLINE void advance(const Weight& w, Place& at, int64_t steps) {
  at.step += steps;
  if (at.step == w.steps_of(at.g)) at = {at.g + 1, 0};
}

// What was expanded of a block, from one place to another.
struct Tile {
  Place first, last;
  uint8_t* words;
};

template <class A, int Rows, int Panels>
void rows_of_tile(const Weight& w, const Tokens& t, int64_t row, int64_t block, const Tile& tile,
                  const Totals& totals) {
  const int64_t stride = A::stride(t);
  const uint32_t* x = A::words(t) + row * stride +
                      (tile.first.g * w.group_steps + tile.first.step) * kStepWords<A>;
  const uint8_t* words = tile.words;
  for (Place at = tile.first; at.g < tile.last.g || at.step < tile.last.step;) {
    const int64_t g = at.g, left = w.steps_of(g) - at.step;
    const int64_t steps = left < totals.chunk ? left : totals.chunk;
    __m512 sums[Rows][Panels];
    multiply_expanded<A, Rows, Panels>(words, x, stride, steps * kStepWords<A>, sums);
    words += steps * kStepWords<A> * Panels * kVector;
    x += steps * kStepWords<A>;
    advance(w, at, steps);
    add(w, t, row, block, g, at.g != g, totals, sums);
  }
}

// As many rows at a time as are left, of Rows and then of each of Fewer.
template <class A, int Panels, int Rows, int... Fewer>
void all_rows(const Weight& w, const Tokens& t, int64_t row, int64_t block, const Tile& tile,
              const Totals& totals) {
  for (; row + Rows <= t.rows; row += Rows)
    rows_of_tile<A, Rows, Panels>(w, t, row, block, tile, totals);
  if constexpr (sizeof...(Fewer) > 0)
    all_rows<A, Panels, Fewer...>(w, t, row, block, tile, totals);
}

// Expands from `tile.last` on as many whole chunks as there is room for; `codes` are those of the
// group that was begun.
template <class A, int Bits, Codes Mode, bool Decoded, int Panels>
void next_tile(const Job& job, int64_t block, Numbers<A, Panels>& numbers, const uint8_t*& codes,
               int64_t chunk, Tile& tile) {
  const Weight& w = job.w;
  Place at = tile.first = tile.last;
  uint8_t* to = tile.words;
  for (int64_t room = kTile / kStepWords<A>; at.g < w.groups;) {
    const int64_t left = w.steps_of(at.g) - at.step;
    const int64_t steps = left <= room ? left : room / chunk * chunk;
    if (!steps && left) break;
    if (at.step == 0) {
      codes = codes_of<Decoded>(job, block, at.g);
      set_centres<A, Mode>(w, block, at.g, numbers);
    }
    expand_steps<A, Bits, Mode>(codes + at.step * Panels * Bits * kVector, steps, numbers, to);
    to += steps * kStepWords<A> * Panels * kVector;
    room -= steps;
    advance(w, at, steps);
  }
  tile.last = at;
}

template <class A, int Bits, Codes Mode, bool Decoded, int Panels>
void expand_block(const Job& job, int64_t block, const Totals& totals) {
  Numbers<A, Panels> numbers;
  numbers.table = A::template table<Bits, Mode>(job.w);
  const uint8_t* codes = nullptr;
  Tile tile{{0, 0}, {0, 0}, reinterpret_cast<uint8_t*>(job.work.floats)};
  while (tile.last.g < job.w.groups) {
    next_tile<A, Bits, Mode, Decoded>(job, block, numbers, codes, totals.chunk, tile);
    all_rows<A, Panels, 6, 4, 2, 1>(job.w, job.t, 0, block, tile, totals);
  }
}

// ---- all rows ----------------------------------------------------------------------------------

template <class A, int Bits, Codes Mode, bool Decoded>
void one_block(const Job& job, int64_t block, const Totals& totals) {
  switch (job.w.panels_of(block)) {
    case 1: return expand_block<A, Bits, Mode, Decoded, 1>(job, block, totals);
    case 2: return expand_block<A, Bits, Mode, Decoded, 2>(job, block, totals);
    case 3: return expand_block<A, Bits, Mode, Decoded, 3>(job, block, totals);
    default:
      if (job.t.rows <= A::template kFewRows<Mode>)
        return stream_block<A, Bits, Mode, Decoded>(job, block, totals);
      expand_block<A, Bits, Mode, Decoded, kPanels>(job, block, totals);
  }
}

template <class A, int Bits, Codes Mode, bool Decoded>
void all_blocks(const Job& job, int64_t first, int64_t last) {
  const int64_t rows = job.t.rows, chunk = chunk_steps<A>(job.w);
  const bool compensated = is_compensated(job.w, chunk);
  const Totals totals{job.work.totals, compensated ? job.work.totals + rows * kBlock : nullptr,
                      chunk};
  for (int64_t block = first; block < last; ++block) {
    std::memset(totals.sums, 0, (1 + compensated) * rows * kBlock * sizeof(float));
    one_block<A, Bits, Mode, Decoded>(job, block, totals);
    for (int64_t row = 0; row < rows; ++row)
      for (int p = 0; p < job.w.panels_of(block); ++p)
        finish(job.w, job.out, row, block, p,
               _mm512_loadu_ps(totals.sums + row * kBlock + p * kLanes));
  }
}

template <class A, int Bits>
void dense(const Job& job, int64_t first, int64_t last) {
  if (job.w.zero == Zero::integer)
    return all_blocks<A, Bits, Codes::centred, false>(job, first, last);
  all_blocks<A, Bits, Codes::table, false>(job, first, last);
}

template <class A>
void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace& work) {
  const Job job{w, t, out, work, kernels(A::kIsa).decode};
  switch (w.period ? 0 : w.bits) {
    case 1: return dense<A, 1>(job, first, last);
    case 2: return dense<A, 2>(job, first, last);
    case 4: return dense<A, 4>(job, first, last);
    case 8: return all_blocks<A, 8, Codes::bytes, false>(job, first, last);
    default:
      if (w.values) return all_blocks<A, 8, Codes::table, true>(job, first, last);
      all_blocks<A, 8, Codes::bytes, true>(job, first, last);
  }
}

}  // namespace
}  // namespace qdsl
