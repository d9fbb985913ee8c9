// Computes LSTM cells for avx512vnni.
#include "kernel.h"
#include "kernels/lstm_cell.h"

namespace qdsl {
namespace {

const Kernels defined{.cell = lstm_cell};
const Register registered{Isa::avx512vnni, defined};

}  // namespace
}  // namespace qdsl
