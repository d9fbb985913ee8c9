// Products of NEON, which every aarch64 has: bytes added in 16 bits, and fused multiply-add.
#include <arm_neon.h>

#include "roofline/chains.h"
#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

constexpr int kChains = 16;

void int8(int64_t iterations) {
  int8x8_t a = vdup_n_s8(3), b = vdup_n_s8(5);
  keep(a);
  keep(b);
  run_chains<kChains>(iterations, vdupq_n_s16(1),
                      [&](int16x8_t sum) { return vmlal_s8(sum, a, b); });
}

void f32(int64_t iterations) {
  float32x4_t a = vdupq_n_f32(0.5f), b = vdupq_n_f32(0.25f);
  keep(a);
  keep(b);
  run_chains<kChains>(iterations, a, [&](float32x4_t sum) { return vfmaq_f32(sum, a, b); });
}

const Register kInt8({"int8", "neon", 2 * 8 * kChains, int8});
const Register kF32({"f32", "neon", 2 * 4 * kChains, f32});

}  // namespace
}  // namespace qdsl::roofline
