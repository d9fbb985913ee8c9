// Multiplies integer activations with packed weights by dot products.
#include "kernels/linear_int8_neon.h"

namespace qdsl {
namespace {

const Kernels defined{.linear_int8 = linear<Dot>};
const Register registered{Isa::neondot, defined};

}  // namespace
}  // namespace qdsl
