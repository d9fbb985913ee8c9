// Computes GRU cells for scalar.
#include "kernel.h"
#include "kernels/gru_cell.h"

namespace qdsl {
namespace {

const Kernels defined{.gru_cell = gru_cell};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
