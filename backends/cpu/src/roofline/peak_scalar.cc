// Products with what every processor of the architecture has: 16 bytes at a time.
#include "roofline/chains.h"
#include "roofline/probe.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace qdsl::roofline {
namespace {

constexpr int kChains = 8;

typedef float Floats __attribute__((vector_size(16)));

// The operand b changes for the compiler, which else takes the product out of the loop. Products
// and sums are rounded each: nothing fuses them in what is compiled for every processor.
void f32(int64_t iterations) {
  Floats a = {0.5f, 0.5f, 0.5f, 0.5f}, b = {0.25f, 0.25f, 0.25f, 0.25f};
  keep(a);
  run_chains<kChains>(iterations, a, [&](Floats sum) {
    keep(b);
    return sum + a * b;
  });
}

#if defined(__SSE2__)
constexpr int kProducts = 8;

// There is no product of bytes: they are widened to 16 bits.
void int8(int64_t iterations) {
  __m128i a = _mm_set1_epi16(3), b = _mm_set1_epi16(5);
  keep(a);
  run_chains<kChains>(iterations, b, [&](__m128i sum) {
    keep(b);
    return _mm_add_epi32(sum, _mm_madd_epi16(a, b));
  });
}
#else
constexpr int kProducts = 4;

typedef int32_t Integers __attribute__((vector_size(16)));

void int8(int64_t iterations) {
  Integers a = {3, 3, 3, 3}, b = {5, 5, 5, 5};
  keep(a);
  run_chains<kChains>(iterations, b, [&](Integers sum) {
    keep(b);
    return sum + a * b;
  });
}
#endif

const Register kInt8({"int8", "scalar", 2 * kProducts * kChains, int8});
const Register kF32({"f32", "scalar", 2 * 4 * kChains, f32});

}  // namespace
}  // namespace qdsl::roofline
