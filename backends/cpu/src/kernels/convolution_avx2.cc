// Convolves channels apart for avx2.
#include "kernels/convolution.h"

namespace qdsl {
namespace {

const Kernels defined{.convolution = &kConvolution};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
