// Multiplies integer activations with packed weights by AVX-512 VNNI and VBMI.
#include "kernels/linear_int8_avx512.h"

namespace qdsl {
namespace {

const Kernels defined{.linear_int8 = linear};
const Register registered{kIsa, defined};

}  // namespace
}  // namespace qdsl
