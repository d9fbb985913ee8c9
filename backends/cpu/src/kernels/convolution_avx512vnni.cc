// Convolves channels apart for avx512vnni.
#include "kernels/convolution.h"

namespace qdsl {
namespace {

const Kernels defined{.convolution = &kConvolution};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
