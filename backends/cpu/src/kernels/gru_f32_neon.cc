// Computes GRU cells for neon.
#include "kernel.h"
#include "kernels/gru_cell.h"

namespace qdsl {
namespace {

const Kernels defined{.gru_cell = gru_cell};
const Register registered{Isa::neon, defined};

}  // namespace
}  // namespace qdsl
