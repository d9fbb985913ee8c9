// Detects what the processor runs.
#include "isa.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace qdsl {

const char* name(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avx512vnni: return "avx512vnni";
  }
  throw std::logic_error("unnamed instruction set");
}

bool supported(Isa isa) {
#if defined(__x86_64__)
  switch (isa) {
    case Isa::scalar: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512vnni:
      return supported(Isa::avx2) && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512vnni");
  }
#endif
  return isa == Isa::scalar;
}

Isa parse_isa(std::string_view text) {
  for (Isa isa : kIsas) {
    if (text != name(isa)) continue;
    if (supported(isa)) return isa;
    throw std::invalid_argument("this processor does not run " + std::string(text));
  }
  throw std::invalid_argument("no instruction set is called `" + std::string(text) +
                              "`; there are scalar, avx2 and avx512vnni");
}

Isa default_isa() {
  static const Isa chosen = [] {
    if (const char* forced = std::getenv("QDSL_ISA"); forced && *forced) return parse_isa(forced);
    Isa best = Isa::scalar;
    for (Isa isa : kIsas)
      if (supported(isa)) best = isa;
    return best;
  }();
  return chosen;
}

}  // namespace qdsl
