// Computes GRU cells for avx2.
#include "kernel.h"
#include "kernels/gru_cell.h"

namespace qdsl {
namespace {

const Kernels defined{.gru_cell = gru_cell};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
