// Turns packed codes into bytes; the other instruction sets equal it.
#include <vector>

#include "kernel.h"
#include "kernels/scalar_codes.h"

namespace qdsl {
namespace {

void decode(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  const int64_t panels = w.panels_of(block), apart = panels * kVector;
  const uint8_t* step = w.codes(block, g);
  const int64_t quads = kQuads * w.spread;
  for (int64_t s = 0; s < w.steps_of(g); s += w.spread, step += w.vectors * apart) {
    for (int64_t n = 0; n < panels * kLanes; ++n) {
      const int64_t panel = n / kLanes, lane = n % kLanes;
      const int centre = w.zero == Zero::integer ? w.zeros(block, g)[n] : w.centre;
      uint8_t codes[4 * kStep];
      read_step(w, step + panel * kVector, apart, lane, centre, codes);
      for (int64_t q = 0; q < quads; ++q)
        std::memcpy(to + q * apart + panel * kVector + 4 * lane, codes + 4 * q, 4);
    }
    to += quads * apart;
  }
}

const Kernels defined{.decode = decode};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
