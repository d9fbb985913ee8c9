// Rounds values for avx512vnni.
#include "kernels/round_values.h"

namespace qdsl {
namespace {

const RegisterValues registered{Isa::avx512vnni, kRounding};

}  // namespace
}  // namespace qdsl
