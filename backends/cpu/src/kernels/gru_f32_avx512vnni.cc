// Computes GRU cells for avx512vnni.
#include "kernel.h"
#include "kernels/gru_cell.h"

namespace qdsl {
namespace {

const Kernels defined{.gru_cell = gru_cell};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
