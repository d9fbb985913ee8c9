// Computes LSTM cells for scalar.
#include "kernel.h"
#include "kernels/lstm_cell.h"

namespace qdsl {
namespace {

const Kernels defined{.cell = lstm_cell};
const Register registered{Isa::scalar, defined};

}  // namespace
}  // namespace qdsl
