// Multiplies float activations with packed weights by NEON: codes are decoded to bytes a group at a
// time and become floats in registers.
#include "kernels/entries_neon.h"
#include "kernels/epilogue.h"
#include "kernels/neon_fields.h"

namespace qdsl {
namespace {

// Steps whose sums are added up, 16 positions in a register each, before a total takes them in with
// compensation: what keeps the error independent of how long a group is.
constexpr int64_t kSteps = 4;

// What the codes stand for, apart from scale and shift.
struct Values {
  uint8x16x4_t table;   // of a codebook, by bytes
  float32x4_t centres;  // of four outputs
  bool codebook;

  QDSL_INLINE Values(const Weight& w, const uint8_t* zeros, int64_t lane)
      : table{}, centres(vcvtq_f32_s32(centres_of(w, zeros, lane))), codebook(w.values) {
    if (codebook)
      for (int i = 0; i < 4; ++i) table.val[i] = vreinterpretq_u8_f32(vld1q_f32(w.values + 4 * i));
  }

  // Of the codes in the lowest bytes.
  QDSL_INLINE float32x4_t of(uint32x4_t codes) const {
    if (!codebook) return vsubq_f32(vcvtq_f32_u32(codes), centres);
    const uint32x4_t places = vmlaq_n_u32(vdupq_n_u32(0x03020100), codes, 0x04040404);
    return vreinterpretq_f32_u8(vqtbl4q_u8(table, vreinterpretq_u8_u32(places)));
  }
};

// The codes of four outputs, vectors `apart` bytes from each other, and rows of activations.
struct Run {
  const uint8_t* codes;
  int64_t apart;
  const float* x;
  int64_t stride;
  int64_t steps;
};

// sums += the products of a quad.
template <int Rows>
QDSL_INLINE void multiply(uint32x4_t codes, const Values& values, const float* x, int64_t stride,
                          float32x4_t (&sums)[Rows]) {
  const uint32x4_t low = vdupq_n_u32(255);
  const float32x4_t w[4] = {values.of(vandq_u32(codes, low)),
                            values.of(vandq_u32(vshrq_n_u32(codes, 8), low)),
                            values.of(vandq_u32(vshrq_n_u32(codes, 16), low)),
                            values.of(vshrq_n_u32(codes, 24))};
  for (int r = 0; r < Rows; ++r) {
    const float32x4_t four = vld1q_f32(x + r * stride);
    sums[r] = vfmaq_laneq_f32(sums[r], w[0], four, 0);
    sums[r] = vfmaq_laneq_f32(sums[r], w[1], four, 1);
    sums[r] = vfmaq_laneq_f32(sums[r], w[2], four, 2);
    sums[r] = vfmaq_laneq_f32(sums[r], w[3], four, 3);
  }
}

template <int Rows>
QDSL_INLINE void sum_run(const Run& run, const Values& values, float32x4_t (&sums)[Rows]) {
  constexpr int64_t kBlockQuads = 4;
  for (float32x4_t& sum : sums) sum = vdupq_n_f32(0);
  for (int64_t q = 0; q < run.steps * kQuads; q += kBlockQuads) {
    float32x4_t block[Rows];
    for (float32x4_t& sum : block) sum = vdupq_n_f32(0);
#pragma GCC unroll 4
    for (int64_t i = q; i < q + kBlockQuads; ++i) {
      const uint32x4_t codes = vreinterpretq_u32_u8(vld1q_u8(run.codes + i * run.apart));
      multiply<Rows>(codes, values, run.x + 4 * i, run.stride, block);
    }
    for (int r = 0; r < Rows; ++r) sums[r] = vaddq_f32(sums[r], block[r]);
  }
}

// Kahan's sum, in which an infinity stays one.
QDSL_INLINE void add(float* total, float* error, float32x4_t term) {
  const float32x4_t value = vld1q_f32(total);
  const float32x4_t corrected = vsubq_f32(term, vld1q_f32(error));
  const float32x4_t next = vaddq_f32(value, corrected);
  const float32x4_t lost = vsubq_f32(vsubq_f32(next, value), corrected);
  const uint32x4_t ordered = vceqq_f32(lost, lost);
  vst1q_f32(total, next);
  vst1q_f32(error, vreinterpretq_f32_u32(vandq_u32(ordered, vreinterpretq_u32_f32(lost))));
}

float sum_of(const float* x, int64_t count) {
  double sum = 0;
  for (int64_t k = 0; k < count; ++k) sum += x[k];
  return static_cast<float>(sum);
}

struct Place {
  int64_t block, group, panel;
};

// Adds a group's share to the totals of a panel and some rows; their errors are in work.floats.
template <int Rows>
void tile(const Weight& w, const Tokens& t, int64_t row, const Place& at, const Workspace& work) {
  const int64_t apart = w.panels_of(at.block) * kVector, steps = w.steps_of(at.group);
  const uint8_t* scales = w.scales(at.block, at.group);
  const uint8_t* zeros = w.zeros(at.block, at.group);
  const float* x = t.values + row * t.stride + at.group * w.group_steps * kStep;
  const uint8_t* codes = work.codes + at.panel * kVector;
  for (int64_t s = 0; s < steps; s += kSteps) {
    const int64_t taken = steps - s < kSteps ? steps - s : kSteps;
    float inputs[Rows];
    for (int r = 0; r < Rows; ++r)
      inputs[r] = w.zero == Zero::floating ? sum_of(x + r * t.stride, taken * kStep) : 0;
    for (int v = 0; v < kVectors; ++v) {
      const int64_t lane = at.panel * kLanes + 4 * v;
      float32x4_t sums[Rows];
      sum_run<Rows>({codes + 16 * v, apart, x, t.stride, taken}, Values(w, zeros, lane), sums);
      for (int r = 0; r < Rows; ++r) {
        float32x4_t term = vmulq_f32(sums[r], scales_of(w, scales, lane));
        if (w.zero == Zero::floating) term = shifted(w, term, zeros, lane, inputs[r]);
        const int64_t to = (row + r) * kBlock + lane;
        add(work.totals + to, work.floats + to, term);
      }
    }
    x += taken * kStep;
    codes += taken * kQuads * apart;
  }
}

void add_group(const Weight& w, const Tokens& t, const Place& at, const Workspace& work) {
  int64_t row = 0;
  for (; row + 4 <= t.rows; row += 4) tile<4>(w, t, row, at, work);
  for (; row + 2 <= t.rows; row += 2) tile<2>(w, t, row, at, work);
  if (row < t.rows) tile<1>(w, t, row, at, work);
}

void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace& work) {
  const DecodeKernel decode = kernels(Isa::neon).decode;
  for (int64_t block = first; block < last; ++block) {
    const int64_t panels = w.panels_of(block);
    std::memset(work.totals, 0, t.rows * kBlock * sizeof(float));
    std::memset(work.floats, 0, t.rows * kBlock * sizeof(float));
    for (int64_t g = 0; g < w.groups; ++g) {
      decode(w, block, g, work.codes);
      for (int64_t panel = 0; panel < panels; ++panel) add_group(w, t, {block, g, panel}, work);
    }
    for (int64_t row = 0; row < t.rows; ++row)
      for (int64_t lane = 0; lane < panels * kLanes; lane += 4)
        finish(w, out, row, block * kBlock + lane, vld1q_f32(work.totals + row * kBlock + lane));
  }
}

const Kernels defined{.linear_f32 = linear};
const Register registered{Isa::neon, defined};

}  // namespace
}  // namespace qdsl
