// Computes integer arithmetic for neon.
#include "integer/all.h"

namespace qdsl {
namespace {

const RegisterIntegers registered{Isa::neon, kIntegers};

}  // namespace
}  // namespace qdsl
