// Rounds values for scalar.
#include "kernels/round_values.h"

namespace qdsl {
namespace {

const RegisterValues registered{Isa::scalar, kRounding};

}  // namespace
}  // namespace qdsl
