// Computes integer arithmetic for scalar.
#include "integer/all.h"

namespace qdsl {
namespace {

const RegisterIntegers registered{Isa::scalar, kIntegers};

}  // namespace
}  // namespace qdsl
