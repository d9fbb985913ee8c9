// Turns packed codes into bytes; the other instruction sets equal it.
#include <vector>

#include "kernel.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

void decode(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  const int64_t panels = w.panels_of(block), steps = w.steps_of(g);
  const uint8_t* from = w.codes(block, g);
  for (int64_t i = 0; i < steps * panels; ++i, from += w.step_bytes, to += kQuads * kVector) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const int64_t in_block = i % panels * kLanes + lane;
      const int centre = w.zero == Zero::integer ? w.zeros(block, g)[in_block] : w.centre;
      uint8_t codes[kStep];
      read_step(w, from, lane, centre, codes);
      for (int64_t q = 0; q < kQuads; ++q)
        std::memcpy(to + q * kVector + 4 * lane, codes + 4 * q, 4);
    }
  }
}

const Kernels defined{.decode = decode};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
