// Computes integer arithmetic for avx512vnni.
#include "integer/all.h"

namespace qdsl {
namespace {

const RegisterIntegers registered{Isa::avx512vnni, kIntegers};

}  // namespace
}  // namespace qdsl
