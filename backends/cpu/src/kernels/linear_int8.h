// Walks a packed weight for its product with integer activations: blocks, then groups, some at a
// time where they are decoded to bytes first, then tiles of rows and panels.
//
// V: vectors of outputs, see vectors_avx2.h. Dot: the sums of products of a group,
//     using Rows                      integer_sequence: rows of tiles, descending, the last 1
//     panels_at_once(rows)            of a tile: 4, 2 or 1
//     visit(weight, call)             call(Codes{}), how codes are read: in fields of kBits bits,
//                                     or bytes where they are decoded
//     add<Codes>(operands, sums)      sums[rows][vectors] += products
//     kIsa                            whose decode kernel is called
// A 32-bit sum may wrap around on its way, but not in the end: the scalar kernel serves what does.
#pragma once

#include <cstdint>
#include <utility>

#include "kernel.h"
#include "kernels/epilogue.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// Where the codes of a group and the activations they meet are: steps of kBits vectors, which are
// `apart` bytes from each other; rows `row_stride`.
struct Operands {
  const uint8_t* codes;
  int64_t apart;
  const int8_t* x;
  int64_t row_stride;
  int64_t steps;
};

// Whether codes are multiplied as they lie there. A weight without groups has none to decode.
inline bool direct(const Weight& w) {
  return !w.groups || (!w.period && !w.half && (w.bits & (w.bits - 1)) == 0);
}

template <class V, class Dot>
class IntegerProduct {
 public:
  static void run(const Weight& w, const Tokens& t, int64_t first, int64_t last,
                  const Output& out, const Workspace& work) {
    Dot::visit(w, [&](auto codes) {
      for (int64_t block = first; block < last; ++block) {
        const Job job{w, t, out, work, block, w.panels_of(block), 0, w.groups, nullptr};
        if (direct(w)) some_groups<decltype(codes)>(job);
        else decoded_groups<decltype(codes)>(job);
      }
    });
  }

 private:
  using Ints = typename V::Ints;
  using Floats = typename V::Floats;
  static constexpr int kParts = kLanes / V::kWidth;  // vectors of a panel

  // Some groups of a block, decoded to bytes or, with null, as they are.
  struct Job {
    const Weight& w;
    const Tokens& t;
    const Output& out;
    const Workspace& work;
    int64_t block;
    int panels;
    int64_t first, last;
    const uint8_t* decoded;

    int64_t group_bytes() const { return panels * w.group_steps * kQuads * kVector; }
    // The codes of a group, from a panel on.
    QDSL_INLINE void point_at(Operands& operands, int64_t g, int panel) const {
      operands.codes = (decoded ? decoded + (g - first) * group_bytes() : w.codes(block, g)) +
                       panel * kVector;
      operands.apart = panels * kVector;
      operands.steps = w.steps_of(g);
    }
  };

  template <class Codes>
  static void decoded_groups(const Job& whole) {
    const Weight& w = whole.w;
    const DecodeKernel decode = kernels(Dot::kIsa).decode;
    const int64_t bytes = kPanels * w.group_steps * kQuads * kVector;
    const int64_t at_once = bytes && bytes < kDecodedBytes ? kDecodedBytes / bytes : 1;
    for (int64_t g = 0; g < w.groups; g += at_once) {
      Job part = whole;
      part.first = g;
      part.last = g + at_once < w.groups ? g + at_once : w.groups;
      part.decoded = whole.work.codes;
      for (int64_t i = g; i < part.last; ++i)
        decode(w, whole.block, i, whole.work.codes + (i - g) * part.group_bytes());
      some_groups<Codes>(part);
    }
  }

  template <class Codes>
  static void some_groups(const Job& job) {
    if (job.t.offset) sum_codes<Codes>(job);
    if (job.out.sums) all_rows<Codes, true>(job, 0, std::integer_sequence<int, 1>{});
    else all_rows<Codes, false>(job, 0, typename Dot::Rows{});
  }

  // Sums of codes, [groups, 64]: what an offset of the activations multiplies.
  template <class Codes>
  static void sum_codes(const Job& job) {
    Operands operands{};
    for (int64_t g = job.first; g < job.last; ++g)
      for (int p = 0; p < job.panels; ++p) {
        job.point_at(operands, g, p);
        operands.x = job.t.ones + g * job.w.group_steps * kStep;
        Ints sums[1][kParts];
        for (Ints& sum : sums[0]) sum = V::ints(0);
        Dot::template add<Codes>(operands, sums);
        for (int i = 0; i < kParts; ++i)
          V::store(job.work.code_sums + g * kBlock + p * kLanes + i * V::kWidth, sums[0][i]);
      }
  }

  // As many rows at a time as are left, of Rows and then of each of Fewer.
  template <class Codes, bool OnlySums, int Rows, int... Fewer>
  static void all_rows(const Job& job, int64_t row, std::integer_sequence<int, Rows, Fewer...>) {
    const int64_t end = row + (job.t.rows - row) / Rows * Rows;
    if (row < end) all_panels<Codes, Rows, Dot::panels_at_once(Rows), OnlySums>(job, row, end, 0);
    if constexpr (sizeof...(Fewer) > 0)
      all_rows<Codes, OnlySums>(job, end, std::integer_sequence<int, Fewer...>{});
  }

  template <class Codes, int Rows, int Panels, bool OnlySums>
  static void all_panels(const Job& job, int64_t first, int64_t end, int p) {
    for (; p + Panels <= job.panels; p += Panels)
      for (int64_t row = first; row < end; row += Rows) tile<Codes, Rows, Panels, OnlySums>(job, row, p);
    if constexpr (Panels > 1) all_panels<Codes, Rows, Panels / 2, OnlySums>(job, first, end, p);
  }

  template <class Codes, int Rows, int Panels, bool OnlySums>
  static void tile(const Job& job, int64_t row, int panel) {
    constexpr int kVectors = Panels * kParts;
    const Weight& w = job.w;
    const int64_t groups = w.groups;
    float* kept = job.work.totals + row * kBlock + panel * kLanes;
    Floats totals[Rows][kVectors];
    for (int r = 0; r < Rows; ++r)
      for (int i = 0; i < kVectors; ++i)
        totals[r][i] = job.first ? V::load(kept + r * kBlock + i * V::kWidth) : V::floats(0.0f);

    Operands operands{};
    operands.row_stride = job.t.stride;
    for (int64_t g = job.first; g < job.last; ++g) {
      const Entries<Rows> entries = entries_of<Rows>(job, row, g, panel);
      Ints sums[Rows][kVectors];
      start(job, entries, sums);
      job.point_at(operands, g, panel);
      operands.x = job.t.codes + row * job.t.stride + g * w.group_steps * kStep;
      Dot::template add<Codes>(operands, sums);
      if constexpr (OnlySums) store_sums(job, row, g, panel, sums);
      else add_terms(w, entries, sums, totals);
    }
    if constexpr (OnlySums) return;
    for (int r = 0; r < Rows; ++r)
      for (int i = 0; i < kVectors; ++i)
        if (job.last < groups) V::store(kept + r * kBlock + i * V::kWidth, totals[r][i]);
        else finish(w, job.out, row + r, job.block * kBlock + panel * kLanes + i * V::kWidth,
                    V::multiply(totals[r][i], V::floats(job.t.scales[row + r])));
  }

  // What a tile needs of a group besides codes, from its first output on.
  template <int Rows>
  struct Entries {
    const uint8_t* scales;
    const uint8_t* zeros;
    const int32_t* code_sums;
    int32_t activations[Rows];  // sums of them
  };

  template <int Rows>
  QDSL_INLINE static Entries<Rows> entries_of(const Job& job, int64_t row, int64_t g, int panel) {
    const Weight& w = job.w;
    const int64_t zero = w.zero == Zero::integer ? 1 : bytes_of(w.shift);
    Entries<Rows> e{w.scales(job.block, g) + panel * kLanes * bytes_of(w.scale),
                    w.zeros(job.block, g) + panel * kLanes * zero,
                    job.t.offset ? job.work.code_sums + g * kBlock + panel * kLanes : nullptr,
                    {}};
    for (int r = 0; r < Rows; ++r) e.activations[r] = job.t.sums[(row + r) * w.groups + g];
    return e;
  }

  // -centre * (sum of the activations), and what codes lack of the offset of the activations.
  template <int Rows, int Vectors>
  QDSL_INLINE static void start(const Job& job, const Entries<Rows>& e,
                                Ints (&sums)[Rows][Vectors]) {
    if (job.w.zero == Zero::integer) {
      for (int i = 0; i < Vectors; ++i) {
        const Ints centres = V::load_bytes(e.zeros + i * V::kWidth);
        for (int r = 0; r < Rows; ++r)
          sums[r][i] = V::multiply(centres, V::ints(negative(e.activations[r])));
      }
    } else {
      for (int r = 0; r < Rows; ++r) {
        const Ints sum = V::multiply(V::ints(job.w.centre), V::ints(negative(e.activations[r])));
        for (int i = 0; i < Vectors; ++i) sums[r][i] = sum;
      }
    }
    if (!e.code_sums) return;
    for (int i = 0; i < Vectors; ++i) {
      const Ints codes = V::load(e.code_sums + i * V::kWidth);
      const Ints moved = V::multiply(codes, V::ints(job.t.offset));
      for (int r = 0; r < Rows; ++r) sums[r][i] = V::add(sums[r][i], moved);
    }
  }

  QDSL_INLINE static int32_t negative(int32_t x) {
    return static_cast<int32_t>(-static_cast<uint32_t>(x));
  }

  // totals += sums * scales, less the shares of floating zeros.
  template <int Rows, int Vectors>
  QDSL_INLINE static void add_terms(const Weight& w, const Entries<Rows>& e,
                                    const Ints (&sums)[Rows][Vectors],
                                    Floats (&totals)[Rows][Vectors]) {
    for (int i = 0; i < Vectors; ++i) {
      Floats scale = V::load_entries(e.scales, i * V::kWidth, w.scale);
      if (w.half) scale = V::multiply(scale, V::floats(0.5f));
      if (w.zero != Zero::floating) {
        for (int r = 0; r < Rows; ++r)
          totals[r][i] = V::add(totals[r][i], V::multiply(V::floats(sums[r][i]), scale));
        continue;
      }
      const Floats shift = V::load_entries(e.zeros, i * V::kWidth, w.shift);
      for (int r = 0; r < Rows; ++r) {
        const Floats sum = V::floats(static_cast<float>(e.activations[r]));
        const Floats term = V::multiply(V::floats(sums[r][i]), scale);
        totals[r][i] = V::add(totals[r][i], V::subtract(term, V::multiply(sum, shift)));
      }
    }
  }

  template <int Rows, int Vectors>
  QDSL_INLINE static void store_sums(const Job& job, int64_t row, int64_t g, int panel,
                                     const Ints (&sums)[Rows][Vectors]) {
    const int64_t n = job.block * kBlock + panel * kLanes, outputs = job.w.outputs;
    for (int r = 0; r < Rows; ++r) {
      int32_t* to = job.out.sums + ((row + r) * job.w.groups + g) * outputs + n;
      for (int i = 0; i < Vectors; ++i)
        if (const int64_t left = outputs - n - i * V::kWidth; left > 0)
          write_some(to + i * V::kWidth, left, sums[r][i]);
    }
  }
};

}  // namespace
}  // namespace qdsl
