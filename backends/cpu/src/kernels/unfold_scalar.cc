// Unfolds codes of base 3 for scalar.
#include "kernels/unfold.h"

namespace qdsl {
namespace {

const Kernels defined{.unfold = unfold};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
