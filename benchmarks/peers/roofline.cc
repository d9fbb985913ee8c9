// Measures what this processor can do at best: reading memory, and products of registers.
// Compiled by roofline.py with -O3 -march=native -fopenmp.
#include <immintrin.h>
#include <sys/mman.h>

#include <cstdint>

namespace {

constexpr int64_t kHugePage = int64_t{1} << 21;
int64_t sink;

// One sequential stream; a register of 64 bytes where there is one.
#ifdef __AVX512F__
int64_t read(const char* p, int64_t bytes) {
  __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
  for (int64_t i = 0; i + 256 <= bytes; i += 256) {
    a = _mm512_xor_si512(a, _mm512_load_si512(p + i));
    b = _mm512_xor_si512(b, _mm512_load_si512(p + i + 64));
    c = _mm512_xor_si512(c, _mm512_load_si512(p + i + 128));
    d = _mm512_xor_si512(d, _mm512_load_si512(p + i + 192));
  }
  return _mm512_reduce_add_epi64(_mm512_xor_si512(_mm512_xor_si512(a, b), _mm512_xor_si512(c, d)));
}
#else
int64_t read(const char* p, int64_t bytes) {
  __m256i a = _mm256_setzero_si256(), b = a;
  for (int64_t i = 0; i + 64 <= bytes; i += 64) {
    a = _mm256_xor_si256(a, _mm256_load_si256(reinterpret_cast<const __m256i*>(p + i)));
    b = _mm256_xor_si256(b, _mm256_load_si256(reinterpret_cast<const __m256i*>(p + i + 32)));
  }
  return _mm256_extract_epi64(_mm256_xor_si256(a, b), 0);
}
#endif

// Sixteen independent sums, which the compiler must keep in registers and may not leave out.
#define SIXTEEN(X) \
  X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define KEEP(i) asm volatile("" : "+v"(s##i));

#ifdef __AVX512VNNI__
void int8(int64_t repeats) {
  const __m512i a = _mm512_set1_epi32(0x01020304), b = _mm512_set1_epi32(0x04030201);
#define ZERO(i) __m512i s##i = _mm512_setzero_si512();
#define STEP(i) s##i = _mm512_dpbusd_epi32(s##i, a, b);
  SIXTEEN(ZERO)
  for (int64_t k = 0; k < repeats; ++k) { SIXTEEN(STEP) SIXTEEN(KEEP) }
#undef STEP
#undef ZERO
}
constexpr double kInt8 = 16 * 128;
#else
void int8(int64_t repeats) {
  const __m256i a = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
#define ZERO(i) __m256i s##i = _mm256_setzero_si256();
#define STEP(i) s##i = _mm256_add_epi32(s##i, _mm256_madd_epi16(_mm256_maddubs_epi16(a, s##i), ones));
  SIXTEEN(ZERO)
  for (int64_t k = 0; k < repeats; ++k) { SIXTEEN(STEP) SIXTEEN(KEEP) }
#undef STEP
#undef ZERO
}
constexpr double kInt8 = 16 * 64;
#endif

#ifdef __AVX512BF16__
void bf16(int64_t repeats) {
  const __m512bh a = (__m512bh)_mm512_set1_epi32(0x3f803f80), b = a;
#define ZERO(i) __m512 s##i = _mm512_setzero_ps();
#define STEP(i) s##i = _mm512_dpbf16_ps(s##i, a, b);
  SIXTEEN(ZERO)
  for (int64_t k = 0; k < repeats; ++k) { SIXTEEN(STEP) SIXTEEN(KEEP) }
#undef STEP
#undef ZERO
}
constexpr double kBf16 = 16 * 64;
#endif

void f32(int64_t repeats) {
#ifdef __AVX512F__
  const __m512 a = _mm512_set1_ps(0.5f);
#define ZERO(i) __m512 s##i = _mm512_setzero_ps();
#define STEP(i) s##i = _mm512_fmadd_ps(a, a, s##i);
#else
  const __m256 a = _mm256_set1_ps(0.5f);
#define ZERO(i) __m256 s##i = _mm256_setzero_ps();
#define STEP(i) s##i = _mm256_fmadd_ps(a, a, s##i);
#endif
  SIXTEEN(ZERO)
  for (int64_t k = 0; k < repeats; ++k) { SIXTEEN(STEP) SIXTEEN(KEEP) }
#undef STEP
#undef ZERO
}
#ifdef __AVX512F__
constexpr double kF32 = 16 * 32;
#else
constexpr double kF32 = 16 * 16;
#endif

}  // namespace

extern "C" {

// Memory of so many bytes with contents of its own, in huge pages where the system has them.
char* roofline_memory(int64_t bytes) {
  const int64_t room = bytes + kHugePage;
  void* start = mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return nullptr;
  const uintptr_t aligned = (reinterpret_cast<uintptr_t>(start) + kHugePage - 1) / kHugePage;
  char* p = reinterpret_cast<char*>(aligned * kHugePage);
  madvise(p, bytes, MADV_HUGEPAGE);
  for (int64_t i = 0; i + 8 <= bytes; i += 8)
    *reinterpret_cast<uint64_t*>(p + i) = static_cast<uint64_t>(i) * 0x9E3779B97F4A7C15u;
  return p;
}

// Reads the memory `repeats` times, each thread a part of its own.
void roofline_read(const char* memory, int64_t bytes, int threads, int64_t repeats) {
#pragma omp parallel for num_threads(threads) schedule(static) reduction(^ : sink)
  for (int thread = 0; thread < threads; ++thread) {
    const int64_t first = bytes * thread / threads / 4096 * 4096;
    const int64_t last = thread + 1 == threads ? bytes : bytes * (thread + 1) / threads / 4096 * 4096;
    for (int64_t k = 0; k < repeats; ++k) {
      sink ^= read(memory + first, last - first);
      asm volatile("" ::: "memory");
    }
  }
}

// Multiplications and additions that `repeats` times take on one thread; 0 where there are none.
double roofline_operations(int kind, int64_t repeats) {
  if (kind == 0) return kInt8 * repeats;
  if (kind == 2) return kF32 * repeats;
#ifdef __AVX512BF16__
  return kBf16 * repeats;
#else
  return 0;
#endif
}

// Products of registers on each thread; kind: 0 int8, 1 bf16, 2 f32.
void roofline_products(int kind, int threads, int64_t repeats) {
#pragma omp parallel for num_threads(threads) schedule(static)
  for (int thread = 0; thread < threads; ++thread) {
    if (kind == 0) int8(repeats);
#ifdef __AVX512BF16__
    if (kind == 1) bf16(repeats);
#endif
    if (kind == 2) f32(repeats);
  }
}

}
