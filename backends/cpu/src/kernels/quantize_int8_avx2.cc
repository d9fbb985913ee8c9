// Quantizes activations to int8 for avx2.
#include "kernel.h"
#include "kernels/quantize.h"

namespace qdsl {
namespace {

const Kernels defined{.largest = largest, .round = round_codes, .fix = fixed_codes};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
