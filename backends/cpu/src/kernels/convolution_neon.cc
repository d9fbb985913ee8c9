// Convolves channels apart for neon.
#include "kernels/convolution.h"

namespace qdsl {
namespace {

const Kernels defined{.convolution = &kConvolution};
const Register registered{Isa::neon, defined};

}  // namespace
}  // namespace qdsl
