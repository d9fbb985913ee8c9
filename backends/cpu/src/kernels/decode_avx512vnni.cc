// Turns packed codes into bytes for avx512vnni.
#include "kernels/decode.h"

namespace qdsl {
namespace {

void decode(const Weight& w, int64_t block, int64_t g, uint8_t* to) {
  if (w.period) return kernels(Isa::scalar).decode(w, block, g, to);
  decode_dense(w, block, g, to);
}

const Kernels defined{.decode = decode};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
