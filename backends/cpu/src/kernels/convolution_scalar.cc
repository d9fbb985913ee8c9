// Convolves channels apart for scalar.
#include "kernels/convolution.h"

namespace qdsl {
namespace {

const Kernels defined{.convolution = &kConvolution};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
