// Multiplies integer activations with packed weights by products of matrices.
#include "kernels/linear_int8_neon.h"

namespace qdsl {
namespace {

const Kernels defined{.linear_int8 = linear<Matrix>};
const Register registered{Isa::neoni8mm, defined};

}  // namespace
}  // namespace qdsl
