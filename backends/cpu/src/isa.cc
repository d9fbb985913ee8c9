// Detects what the processor runs.
#include "isa.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace qdsl {

const char* name(Isa isa) {
  switch (isa) {
    case Isa::scalar: return "scalar";
    case Isa::avx2: return "avx2";
    case Isa::avxvnni: return "avxvnni";
    case Isa::avx512vnni: return "avx512vnni";
    case Isa::avx512vbmi: return "avx512vbmi";
    case Isa::avx512bf16: return "avx512bf16";
    case Isa::neon: return "neon";
    case Isa::neondot: return "neondot";
    case Isa::neoni8mm: return "neoni8mm";
  }
  throw std::logic_error("unnamed instruction set");
}

#if defined(__x86_64__)

// Tests compile its kernels for AVX-512 VL, where the same instructions are encoded otherwise.
static bool runs_avxvnni() {
#ifdef QDSL_AVXVNNI_BY_AVX512
  return supported(Isa::avx512vnni);
#else
  return __builtin_cpu_supports("avxvnni");
#endif
}

bool supported(Isa isa) {
  switch (isa) {
    case Isa::scalar: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                            __builtin_cpu_supports("f16c");
    case Isa::avxvnni: return supported(Isa::avx2) && runs_avxvnni();
    case Isa::avx512vnni:
      return supported(Isa::avx2) && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
             __builtin_cpu_supports("avx512vnni");
    case Isa::avx512vbmi:
      return supported(Isa::avx512vnni) && __builtin_cpu_supports("avx512vbmi");
    case Isa::avx512bf16:
      return supported(Isa::avx512vbmi) && __builtin_cpu_supports("avx512bf16");
    default: return false;
  }
}

#elif defined(__aarch64__) && defined(__linux__)

bool supported(Isa isa) {
  switch (isa) {
    case Isa::scalar:
    case Isa::neon: return true;
    case Isa::neondot: return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
    case Isa::neoni8mm: return supported(Isa::neondot) && getauxval(AT_HWCAP2) & HWCAP2_I8MM;
    default: return false;
  }
}

#else

bool supported(Isa isa) { return isa == Isa::scalar; }

#endif

Isa parse_isa(std::string_view text) {
  for (Isa isa : kIsas) {
    if (text != name(isa)) continue;
    if (supported(isa)) return isa;
    throw std::invalid_argument("this processor does not run " + std::string(text));
  }
  std::string known;
  for (Isa isa : kIsas) known += std::string(known.empty() ? "" : ", ") + name(isa);
  throw std::invalid_argument("no instruction set is called `" + std::string(text) +
                              "`; there are " + known);
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
