// Keeps the probes and says which of them this processor runs.
#include "roofline/probe.h"

#include <utility>

#include "isa.h"

namespace qdsl::roofline {
namespace {

std::vector<std::pair<std::string, Read>>& readers() {
  static std::vector<std::pair<std::string, Read>> all;
  return all;
}

std::vector<Peak>& registered() {
  static std::vector<Peak> all;
  return all;
}

// The widest first.
constexpr const char* kReaders[] = {"avx512vnni", "avx2", "scalar"};

}  // namespace

Register::Register(const char* instructions, Read read) {
  readers().emplace_back(instructions, read);
}

Register::Register(const Peak& peak) { registered().push_back(peak); }

Read reader() {
  for (const char* wanted : kReaders)
    for (const auto& [instructions, read] : readers())
      if (instructions == wanted && runs(instructions)) return read;
  return nullptr;  // not reached: everything runs the scalar one
}

std::vector<Peak> peaks() {
  std::vector<Peak> found;
  for (const Peak& peak : registered())
    if (runs(peak.instructions)) found.push_back(peak);
  return found;
}

bool runs(const std::string& instructions) {
  for (Isa isa : kIsas)
    if (instructions == name(isa)) return supported(isa);
#if defined(__x86_64__)
  // no kernels are written for these alone
  if (instructions == "avxvnni") return supported(Isa::avx2) && __builtin_cpu_supports("avxvnni");
  if (instructions == "avx512bf16")
    return supported(Isa::avx512vnni) && __builtin_cpu_supports("avx512bf16");
#endif
  return false;
}

}  // namespace qdsl::roofline
