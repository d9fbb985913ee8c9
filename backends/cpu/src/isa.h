// Names the instruction sets that kernels are written for and picks one.
#pragma once

#include <string_view>

namespace qdsl {

// Those of one architecture are in ascending order; the last one supported is the best.
enum class Isa {
  scalar,
  avx2, avxvnni, avx512vnni, avx512vbmi, avx512bf16,
  neon, neondot, neoni8mm
};
inline constexpr Isa kIsas[] = {Isa::scalar,     Isa::avx2,       Isa::avxvnni,
                                Isa::avx512vnni, Isa::avx512vbmi, Isa::avx512bf16,
                                Isa::neon,       Isa::neondot,    Isa::neoni8mm};

// Where a kernel that `isa` lacks is taken from. Not every processor with AVX-512 has AVX-VNNI.
constexpr Isa below(Isa isa) {
  switch (isa) {
    case Isa::avxvnni:
    case Isa::avx512vnni: return Isa::avx2;
    case Isa::avx512vbmi: return Isa::avx512vnni;
    case Isa::avx512bf16: return Isa::avx512vbmi;
    case Isa::neondot: return Isa::neon;
    case Isa::neoni8mm: return Isa::neondot;
    default: return Isa::scalar;
  }
}

const char* name(Isa isa);

// Whether this processor and its operating system run `isa`.
bool supported(Isa isa);

// The one named `text`; std::invalid_argument when there is none or this processor lacks it.
Isa parse_isa(std::string_view text);

// The best one supported, or the one that the environment variable QDSL_ISA names.
Isa default_isa();

}  // namespace qdsl
