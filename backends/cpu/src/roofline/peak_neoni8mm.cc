// The product of 2 x 8 with 8 x 2 bytes of NEON.
#include <arm_neon.h>

#include "roofline/chains.h"
#include "roofline/probe.h"

namespace qdsl::roofline {
namespace {

constexpr int kChains = 16;

void int8(int64_t iterations) {
  int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  keep(a);
  keep(b);
  run_chains<kChains>(iterations, vdupq_n_s32(1),
                      [&](int32x4_t sum) { return vmmlaq_s32(sum, a, b); });
}

const Register kInt8({"int8", "neoni8mm", 2 * 32 * kChains, int8});

}  // namespace
}  // namespace qdsl::roofline
