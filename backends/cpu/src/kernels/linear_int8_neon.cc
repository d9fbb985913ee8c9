// Multiplies integer activations with packed weights by plain NEON.
#include "kernels/linear_int8_neon.h"

namespace qdsl {
namespace {

const Kernels defined{.linear_int8 = linear<Widening>};
const Register registered{Isa::neon, defined};

}  // namespace
}  // namespace qdsl
