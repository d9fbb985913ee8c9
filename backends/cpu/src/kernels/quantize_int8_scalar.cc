// Quantizes activations to int8 for scalar.
#include "kernel.h"
#include "kernels/quantize.h"

namespace qdsl {
namespace {

const Kernels defined{.largest = largest, .round = round_codes, .fix = fixed_codes};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
