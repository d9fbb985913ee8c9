// Rounds values for avx2.
#include "kernels/round_values.h"

namespace qdsl {
namespace {

const RegisterValues registered{Isa::avx2, kRounding};

}  // namespace
}  // namespace qdsl
