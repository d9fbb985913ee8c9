// Turns packed codes into bytes by NEON; sparse ones one by one.
#include "kernel.h"
#include "kernels/neon_fields.h"

namespace qdsl {
namespace {

// Steps of `panels` panels. A code v reads as times * v + more.
template <int Bits>
void read_steps(const uint8_t* from, int64_t steps, int64_t panels, uint8_t times, uint8_t more,
                uint8_t* to) {
  const int64_t apart = panels * kVector;
  for (int64_t s = 0; s < steps; ++s, from += Bits * apart, to += kQuads * apart) {
    for (int64_t i = 0; i < panels * kVectors; ++i) {
      Codes codes;
      unpack<Bits>(from + i / kVectors * kVector, apart, i % kVectors, codes);
      for (int q = 0; q < kQuads; ++q)
        vst1q_u8(to + q * apart + 16 * i,
                 vmlaq_u8(vdupq_n_u8(more), codes[q], vdupq_n_u8(times)));
    }
  }
}

void decode(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  if (w.period) return kernels(Isa::scalar).decode(w, block, g, to);
  constexpr decltype(&read_steps<1>) kRead[] = {
      read_steps<1>, read_steps<2>, read_steps<3>, read_steps<4>,
      read_steps<5>, read_steps<6>, read_steps<7>, read_steps<8>};
  kRead[w.bits - 1](w.codes(block, g), w.steps_of(g), w.panels_of(block),
                    w.bits == 1 || w.half ? 2 : 1, w.half ? 1 : 0, to);
}

const Kernels defined{.decode = decode};
const Register registered{Isa::neon, defined};

}  // namespace
}  // namespace qdsl
