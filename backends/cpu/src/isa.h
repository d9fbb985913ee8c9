// Names the instruction sets that kernels are written for and picks one.
#pragma once

#include <string_view>

namespace qdsl {

// Those of one architecture are in ascending order: a kernel that an instruction set lacks is taken
// from the one below it.
enum class Isa { scalar, avx2, avx512vnni, neon, neondot, neoni8mm };
inline constexpr Isa kIsas[] = {Isa::scalar, Isa::avx2,    Isa::avx512vnni,
                                Isa::neon,   Isa::neondot, Isa::neoni8mm};

const char* name(Isa isa);

// Whether this processor and its operating system run `isa`.
bool supported(Isa isa);

// The one named `text`; std::invalid_argument when there is none or this processor lacks it.
Isa parse_isa(std::string_view text);

// The best one supported, or the one that the environment variable QDSL_ISA names.
Isa default_isa();

}  // namespace qdsl
