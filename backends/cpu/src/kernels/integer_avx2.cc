// Computes integer arithmetic for avx2.
#include "integer/all.h"

namespace qdsl {
namespace {

const RegisterIntegers registered{Isa::avx2, kIntegers};

}  // namespace
}  // namespace qdsl
