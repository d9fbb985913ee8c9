// The compiled module: each family of operations binds itself.
#include "bindings/bindings.h"

NB_MODULE(_native, m) {
  using namespace qdsl;
  bind_machine(m);
  bind_limits(m);
  bind_exchange(m);
  bind_repack(m);
  bind_linear(m);
  bind_lstm(m);
  bind_gru(m);
  bind_convolution(m);
  bind_dequantize(m);
  bind_integer(m);
  bind_values(m);
}
