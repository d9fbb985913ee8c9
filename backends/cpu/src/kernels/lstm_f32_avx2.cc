// Computes LSTM cells for avx2.
#include "kernel.h"
#include "kernels/lstm_cell.h"

namespace qdsl {
namespace {

const Kernels defined{.cell = lstm_cell};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
