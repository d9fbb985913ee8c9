// The product of integer activations with packed weights by AVX-512, over the ways that codes are
// multiplied: in tiles of rows and a block of outputs, group by group.
#pragma once

#include "kernels/codes_avx512.h"
#include "kernels/entries_avx512.h"
#include "kernels/one_row_avx512.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

#if defined(__AVX512VBMI__)
constexpr Isa kIsa = Isa::avx512vbmi;
#else
constexpr Isa kIsa = Isa::avx512vnni;
#endif

// Some groups of a block, decoded to bytes or, with null, as they are.
struct Part {
  int64_t first, last;
  const uint8_t* decoded = nullptr;
  Ahead ahead = {nullptr, 0};
};

// The centres of a group, for ways that need them in the sums.
template <int Bits, int Kept>
QDSL_INLINE void set_centres(Sparse<Bits, Kept>& way, const Weight& w, const uint8_t* zeros) {
  each<kPanels>([&](int p) QDSL_LAMBDA { way.centres[p] = start(w, zeros, p, -1); });
}
template <class Way>
QDSL_INLINE void set_centres(Way&, const Weight&, const uint8_t*) {}

// Sums of one group, before or after anything floats.
template <class Way, int Rows, int Panels>
QDSL_INLINE void sums_of(const Product& job, Way& way, int64_t row, int64_t g,
                         const uint8_t* codes, const uint8_t* zeros, const int8_t* x,
                         Ahead& ahead, __m512i (&sums)[Rows][Panels]) {
  const auto& [w, t, out, work, block] = job;
  const int32_t* activations = t.sums + row * w.groups + g;  // of row r at r * groups
  const int64_t groups = w.groups;
  set_centres(way, w, zeros);
  each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
    sums[r][p] = Way::kCentred ? _mm512_setzero_si512()
                               : start(w, zeros, p, activations[r * groups] * (1 << Way::kLift));
  });
  way.template accumulate<Rows, Panels>(codes, x, t.stride, w.steps_of(g), ahead, sums);
  if (!t.offset) return;
  const int32_t offset = t.offset;
  const int32_t* code_sums = work.code_sums;
  each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
    sums[r][p] = moved(sums[r][p], offset, code_sums, g, p);
  });
}

// Sums of codes, less centres where the way takes them off, [groups, 64]: what an offset of the
// activations multiplies. Where it does not, `start` has the centres of the whole activations.
template <class Way, int Panels>
void sum_codes(const Product& job, Way way, const Part& part) {
  const auto& [w, t, out, work, block] = job;
  const uint8_t* decoded = part.decoded;
  Ahead none{nullptr, 0};
  for (int64_t g = part.first; g < part.last; ++g) {
    const uint8_t* zeros = w.zeros(block, g);
    __m512i sums[1][Panels];
    set_centres(way, w, zeros);
    each<Panels>([&](int p) QDSL_LAMBDA { sums[0][p] = _mm512_setzero_si512(); });
    way.template accumulate<1, Panels>(decoded ? decoded : w.codes(block, g),
                                       t.ones + g * w.group_steps * kStep, 0, w.steps_of(g), none,
                                       sums);
    for (int p = 0; p < Panels; ++p)
      _mm512_storeu_si512(work.code_sums + g * kBlock + p * kLanes, sums[0][p]);
    if (decoded) decoded += Panels * w.steps_of(g) * kQuads * kVector;
  }
}

// totals += the sums of a group, scaled.
template <int Rows, int Panels>
QDSL_INLINE void add_scaled(const Product& job, int64_t row, int64_t g, const uint8_t* scales,
                            const uint8_t* zeros, const __m512i (&sums)[Rows][Panels],
                            __m512 (&totals)[Rows][Panels]) {
  const Weight& w = job.w;
  const int32_t* activations = job.t.sums + row * w.groups + g;
  const int64_t groups = w.groups;
  if (w.zero == Zero::floating) {
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
      const __m512 term = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][p]), scales_of(w, scales, p));
      totals[r][p] =
          _mm512_add_ps(totals[r][p], shifted(w, term, zeros, p, activations[r * groups]));
    });
    return;
  }
  each<Panels>([&](int p) QDSL_LAMBDA {
    const __m512 scale = scales_of(w, scales, p);
    each<Rows>([&](int r) QDSL_LAMBDA {
      const __m512 term = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][p]), scale);
      totals[r][p] = _mm512_add_ps(totals[r][p], term);
    });
  });
}

// A function of its own: among others it would not get all registers.
template <class Way, int Rows, int Panels, bool Floats>
[[gnu::noinline]] void tile(const Product& job, Way way, int64_t row, Part& part) {
  const auto& [w, t, out, work, block] = job;
  float* const kept = work.totals + row * kBlock;
  __m512 totals[Rows][Panels];
  each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
    totals[r][p] = part.first ? _mm512_loadu_ps(kept + r * kBlock + p * kLanes)
                              : _mm512_setzero_ps();
  });
  const int8_t* x = t.codes + row * t.stride + part.first * w.group_steps * kStep;
  const uint8_t* segment = w.codes(block, part.first);
  const uint8_t* decoded = part.decoded;
  const int64_t whole = w.code_bytes(block, 0), last = w.code_bytes(block, w.groups - 1);
  for (int64_t g = part.first; g < part.last; ++g) {
    const int64_t steps = w.steps_of(g);
    const uint8_t* scales = segment + (g + 1 < w.groups ? whole : last);
    const uint8_t* zeros = scales + kBlock * bytes_of(w.scale);
    __m512i sums[Rows][Panels];
    sums_of<Way, Rows, Panels>(job, way, row, g, decoded ? decoded : segment, zeros, x, part.ahead,
                               sums);
    if constexpr (Floats) {
      add_scaled<Rows, Panels>(job, row, g, scales, zeros, sums, totals);
    } else {
      const Product& to = job;
      each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
        store_sums(to.w, to.out, row + r, g, to.block, p, sums[r][p]);
      });
    }
    x += steps * kStep;
    if (decoded) decoded += Panels * steps * kQuads * kVector;
    segment = scales + w.entry_bytes;
  }
  if constexpr (!Floats) return;
  const Product& to = job;
  if (part.last < w.groups) {
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
      _mm512_storeu_ps(kept + r * kBlock + p * kLanes, totals[r][p]);
    });
  } else {
    each<Rows, Panels>([&](int r, int p) QDSL_LAMBDA {
      const __m512 scale = _mm512_set1_ps(to.t.scales[row + r]);
      finish(to.w, to.out, row + r, to.block, p, _mm512_mul_ps(totals[r][p], scale));
    });
  }
}

// As many rows at a time as are left, of Rows and then of each of Fewer.
template <class Way, int Panels, bool Floats, int Rows, int... Fewer>
void all_rows(const Product& job, Way way, int64_t row, Part& part) {
  for (; row + Rows <= job.t.rows; row += Rows)
    tile<Way, Rows, Panels, Floats>(job, way, row, part);
  if constexpr (sizeof...(Fewer) > 0) all_rows<Way, Panels, Floats, Fewer...>(job, way, row, part);
}

template <class Way, int Panels>
void all_of(const Product& job, Way way, Part part) {
  if (job.t.offset) sum_codes<Way, Panels>(job, way, part);
  if (job.out.sums) return all_rows<Way, Panels, false, 4, 1>(job, way, 0, part);
  if constexpr (Panels == kPanels) all_rows<Way, Panels, true, 4, 3, 2, 1>(job, way, 0, part);
  else all_rows<Way, Panels, true, 4, 1>(job, way, 0, part);  // the last block alone
}

// Blocks of codes that are decoded to bytes first, some groups at a time.
template <int Panels>
void decoded_block(const Product& job) {
  const Weight& w = job.w;
  const DecodeKernel decode = kernels(kIsa).decode;
  const int64_t bytes = Panels * w.group_steps * kQuads * kVector;
  const int64_t at_once = bytes && bytes < kDecodedBytes ? kDecodedBytes / bytes : 1;
  for (int64_t g = 0; g < w.groups; g += at_once) {
    const int64_t last = g + at_once < w.groups ? g + at_once : w.groups;
    for (int64_t i = g; i < last; ++i)
      decode(w, job.block, i, job.work.codes + (i - g) * bytes);
    all_of<Dense<8>, Panels>(job, {}, {g, last, job.work.codes});
  }
}

template <int Bits, int Panels>
void dense_block(const Product& job) {
  const Weight& w = job.w;
  Part whole{0, w.groups};
  if (job.t.rows == 1 && !job.t.offset && !job.out.sums && w.full_group <= InPlace<1>::kLongest) {
    if constexpr (Bits != 3) {
      const Scaling how = scaling_of(w);
      if (how != Scaling::any) {
        if (w.group_steps > 1) return row_tile<Bits, Panels, false, Scaling::f16>(job);
        if (how == Scaling::f16) return row_tile<Bits, Panels, true, Scaling::f16>(job);
        return row_tile<Bits, Panels, true, Scaling::exact>(job);
      }
      return tile<InPlace<Bits>, 1, Panels, true>(job, {}, 0, whole);
    }
  }
  if (job.t.rows > 4) {
    const int64_t tiles = job.t.rows / 4, lines = w.vectors * Panels;  // of a step
    whole.ahead = {w.codes(job.block + 1, 0), (lines + tiles - 1) / tiles};
  }
  all_of<Dense<Bits>, Panels>(job, {}, whole);
}

template <int Bits, int Panels>
void sparse_block(const Product& job) {
  const Part whole{0, job.w.groups};
  if (job.t.rows > 4) return decoded_block<Panels>(job);
  if (job.w.kept == 2) return all_of<Sparse<Bits, 2>, Panels>(job, {}, whole);
  all_of<Sparse<Bits, 1>, Panels>(job, {}, whole);
}

template <int Panels>
void one_block(const Product& job) {
  const Weight& w = job.w;
  if (!w.groups) return dense_block<8, Panels>(job);  // takes no codes
  if (w.half) return decoded_block<Panels>(job);
  if (w.period) {
    switch (w.bits) {
      case 2: return sparse_block<2, Panels>(job);
      case 4: return sparse_block<4, Panels>(job);
      case 8: return sparse_block<8, Panels>(job);
      default: return decoded_block<Panels>(job);
    }
  }
  switch (w.bits) {
    case 1: return dense_block<1, Panels>(job);
    case 2: return dense_block<2, Panels>(job);
    case 3: return dense_block<3, Panels>(job);
    case 4: return dense_block<4, Panels>(job);
    case 8: return dense_block<8, Panels>(job);
    default: return decoded_block<Panels>(job);
  }
}

void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace& work) {
#if defined(__AVX512VBMI__)
  if (work.tables && w.groups && last - first >= kBlocksForTables && !out.sums)
    return by_tables(w, t, first, last, out, work);
#endif
  for (int64_t block = first; block < last; ++block) {
    const Product job{w, t, out, work, block};
    switch (w.panels_of(block)) {
      case 1: one_block<1>(job); break;
      case 2: one_block<2>(job); break;
      case 3: one_block<3>(job); break;
      default: one_block<4>(job);
    }
  }
}

}  // namespace
}  // namespace qdsl
