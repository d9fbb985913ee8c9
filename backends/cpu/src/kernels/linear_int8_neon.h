// Multiplies integer activations with packed weights on ARM, sums being had as `How` says. A 32-bit
// sum may wrap around on its way, but not in the end: the scalar kernel serves what does.
//
// Codes of 1, 2, 4 and 8 bits are unpacked in registers, beside the products: of one row for all
// panels of a block, so that codes are read as they lie, of more for a panel at a time. Other codes
// are decoded to bytes first, some groups at a time.
#pragma once

#include "kernels/entries_neon.h"
#include "kernels/epilogue.h"
#include "kernels/neon_sums.h"

namespace qdsl {
namespace {  // one copy per translation unit: the linker must not share it among instruction sets

// Some groups of a block, decoded to bytes or, with null, as they are.
struct Part {
  int64_t block;
  int64_t first, last;
  const uint8_t* decoded;
};

// The codes of a group of a part, from one panel on.
struct Stream {
  const uint8_t* codes;
  int64_t apart;       // from one vector of a panel to the next
  int64_t step_bytes;  // of all panels

  QDSL_INLINE Stream(const Weight& w, const Part& part, int64_t g, int64_t panel) {
    apart = w.panels_of(part.block) * kVector;
    step_bytes = part.decoded ? kQuads * apart : w.vectors * apart;
    const int64_t before = (g - part.first) * w.group_steps * step_bytes;
    codes = (part.decoded ? part.decoded + before : w.codes(part.block, g)) + panel * kVector;
  }
};

// sums[panel] += the products of a group.
template <class How, int Bits, int Rows, int Panels>
QDSL_INLINE void accumulate(const Stream& from, const int8_t* x, int64_t stride, int64_t steps,
                            typename How::template Sums<Rows> (&sums)[Panels]) {
  const uint8_t* codes = from.codes;
  for (int64_t s = 0; s < steps; ++s, codes += from.step_bytes, x += kStep) {
    const Step<Rows> step(x, stride);
#pragma GCC unroll 4
    for (int p = 0; p < Panels; ++p) {
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        Codes unpacked;
        unpack<Bits>(codes + p * kVector, from.apart, v, unpacked);
        if constexpr (Bits == 1)
          for (uint8x16_t& u : unpacked) u = vaddq_u8(u, u);
        sums[p].template add<Bits>(v, unpacked, step);
      }
    }
  }
}

// Sums of codes as they read, [64] of a group: what an offset of the activations multiplies.
template <class How, int Bits, int Panels>
void sum_codes(const Weight& w, const Tokens& t, const Part& part, int64_t panel, int64_t g,
               int32_t* to) {
  typename How::template Sums<1> sums[Panels];
  accumulate<How, Bits, 1, Panels>(Stream(w, part, g, panel), t.ones + g * w.group_steps * kStep,
                                   0, w.steps_of(g), sums);
  const auto origin = static_cast<int32_t>(How::template kOrigin<Bits> * w.group_size(g));
  for (int p = 0; p < Panels; ++p)
    for (int v = 0; v < kVectors; ++v) {
      const int32x4_t sum = vaddq_s32(sums[p].of(0, v), vdupq_n_s32(origin));
      vst1q_s32(to + (panel + p) * kLanes + 4 * v, sum);
    }
}

// What the sum of products of a row's codes with a group's lacks of the sum of the numbers.
struct Rest {
  int32_t origin;       // times the sum of the row's codes
  int32_t activations;  // sum of the row's integers
  int32_t offset;       // of the activations

  QDSL_INLINE int32x4_t of(int32x4_t centres, const int32_t* code_sums) const {
    int32x4_t rest = vmlsq_n_s32(vdupq_n_s32(origin), centres, activations);
    return offset ? vmlaq_n_s32(rest, vld1q_s32(code_sums), offset) : rest;
  }
};

template <int Bits, class How>
QDSL_INLINE Rest rest_of(const Weight& w, const Tokens& t, int64_t row, int64_t g) {
  const int32_t activations = t.sums[row * w.groups + g];
  const auto offset = static_cast<uint32_t>(t.offset) * static_cast<uint32_t>(w.group_size(g));
  const uint32_t codes = static_cast<uint32_t>(activations) - offset;
  const auto origin = static_cast<int32_t>(How::template kOrigin<Bits> * codes);
  return {origin, activations, t.offset};
}

QDSL_INLINE void store_sums(const Weight& w, const Output& out, int64_t row, int64_t g, int64_t n,
                            int32x4_t sums) {
  write_some(out.sums + (row * w.groups + g) * w.outputs + n, w.outputs - n, sums);
}

template <class How, int Bits, int Rows, int Panels>
void tile(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Part& part,
          const Output& out, const Workspace& work) {
  const int64_t from = panel * kLanes;  // lane in the block
  for (int64_t g = part.first; g < part.last; ++g) {
    const uint8_t* scales = w.scales(part.block, g);
    const uint8_t* zeros = w.zeros(part.block, g);
    typename How::template Sums<Rows> sums[Panels];
    if (t.offset && row == 0)
      sum_codes<How, Bits, Panels>(w, t, part, panel, g, work.code_sums + g * kBlock);
    accumulate<How, Bits, Rows, Panels>(Stream(w, part, g, panel),
                                        t.codes + row * t.stride + g * w.group_steps * kStep,
                                        t.stride, w.steps_of(g), sums);
    for (int r = 0; r < Rows; ++r) {
      const Rest rest = rest_of<Bits, How>(w, t, row + r, g);
      for (int i = 0; i < Panels * kVectors; ++i) {
        const int64_t lane = from + 4 * i;
        const int32x4_t centres = centres_of(w, zeros, lane);
        const int32_t* code_sums = t.offset ? work.code_sums + g * kBlock + lane : nullptr;
        const int32x4_t sum =
            vaddq_s32(sums[i / kVectors].of(r, i % kVectors), rest.of(centres, code_sums));
        if (out.sums) {
          store_sums(w, out, row + r, g, part.block * kBlock + lane, sum);
          continue;
        }
        float32x4_t term = vmulq_f32(vcvtq_f32_s32(sum), scales_of(w, scales, lane));
        if (w.zero == Zero::floating)
          term = shifted(w, term, zeros, lane, static_cast<float>(rest.activations));
        float* total = work.totals + (row + r) * kBlock + lane;
        vst1q_f32(total, vaddq_f32(g ? vld1q_f32(total) : vdupq_n_f32(0), term));
      }
    }
  }
}

// As many rows at a time as are left, of Rows and then of each of Fewer.
template <class How, int Bits, int Rows, int... Fewer>
void all_rows(const Weight& w, const Tokens& t, int64_t row, int64_t panel, const Part& part,
              const Output& out, const Workspace& work) {
  for (; row + Rows <= t.rows; row += Rows)
    tile<How, Bits, Rows, 1>(w, t, row, panel, part, out, work);
  if constexpr (sizeof...(Fewer) > 0)
    all_rows<How, Bits, Fewer...>(w, t, row, panel, part, out, work);
}

template <class How, int Bits>
void all_of(const Weight& w, const Tokens& t, const Part& part, const Output& out,
            const Workspace& work) {
  const int64_t panels = w.panels_of(part.block);
  if (t.rows == 1 && panels == kPanels)
    return tile<How, Bits, 1, kPanels>(w, t, 0, 0, part, out, work);
  for (int64_t panel = 0; panel < panels; ++panel)
    all_rows<How, Bits, 4, 2, 1>(w, t, 0, panel, part, out, work);
}

template <class How>
void decoded_block(const Weight& w, const Tokens& t, int64_t block, const Output& out,
                   const Workspace& work) {
  const int64_t bytes = w.panels_of(block) * w.group_steps * kQuads * kVector;
  const int64_t at_once = bytes && bytes < kDecodedBytes ? kDecodedBytes / bytes : 1;
  const DecodeKernel decode = kernels(How::kIsa).decode;
  for (int64_t g = 0; g < w.groups; g += at_once) {
    const int64_t last = g + at_once < w.groups ? g + at_once : w.groups;
    for (int64_t i = g; i < last; ++i) decode(w, block, i, work.codes + (i - g) * bytes);
    all_of<How, 8>(w, t, {block, g, last, work.codes}, out, work);
  }
}

template <class How>
void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace& work) {
  for (int64_t block = first; block < last; ++block) {
    const Part whole{block, 0, w.groups, nullptr};
    switch (w.period || w.half ? 0 : w.bits) {
      case 1: all_of<How, 1>(w, t, whole, out, work); break;
      case 2: all_of<How, 2>(w, t, whole, out, work); break;
      case 4: all_of<How, 4>(w, t, whole, out, work); break;
      case 8: all_of<How, 8>(w, t, whole, out, work); break;
      default: decoded_block<How>(w, t, block, out, work);
    }
    if (out.sums) continue;
    const int64_t lanes = w.panels_of(block) * kLanes;
    for (int64_t row = 0; row < t.rows; ++row)
      for (int64_t lane = 0; lane < lanes; lane += 4) {
        const float* total = work.totals + row * kBlock + lane;
        const float32x4_t sum = w.groups ? vld1q_f32(total) : vdupq_n_f32(0);
        finish(w, out, row, block * kBlock + lane, vmulq_n_f32(sum, t.scales[row]));
      }
  }
}

}  // namespace
}  // namespace qdsl
