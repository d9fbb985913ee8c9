// Unfolds codes of base 3 for avx2.
#include "kernels/unfold.h"

namespace qdsl {
namespace {

const Kernels defined{.unfold = unfold};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
