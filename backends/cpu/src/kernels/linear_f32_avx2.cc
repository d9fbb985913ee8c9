// Multiplies f32 activations with packed weights by AVX2: a group is decoded to bytes, the codes of
// a step and a panel become floats in the first cache, and tiles of rows are multiplied with them.
#include <algorithm>

#include "kernel.h"
#include "kernels/epilogue.h"
#include "kernels/vectors_avx2.h"

namespace qdsl {
namespace {

constexpr int kHalves = 2;  // vectors of a panel

// One product, with what is the same for all of its parts; totals are [rows, 64], and behind them
// what they lost.
struct Job {
  const Weight& w;
  const Tokens& t;
  const Workspace& work;

  float* total(int64_t row, int64_t lane) const { return work.totals + row * kBlock + lane; }
  float* lost(int64_t row, int64_t lane) const { return total(t.rows + row, lane); }
};

// Kahan's sum, in which an infinity stays one.
QDSL_INLINE void add(float* total, float* lost, __m256 term) {
  const __m256 value = _mm256_loadu_ps(total);
  const __m256 corrected = _mm256_sub_ps(term, _mm256_loadu_ps(lost));
  const __m256 next = _mm256_add_ps(value, corrected);
  const __m256 error = _mm256_sub_ps(_mm256_sub_ps(next, value), corrected);
  _mm256_storeu_ps(lost, _mm256_and_ps(error, _mm256_cmp_ps(error, error, _CMP_ORD_Q)));
  _mm256_storeu_ps(total, next);
}

// What codes stand for, apart from scale and shift: `to` [32 positions, 16] of a step of bytes,
// whose vectors are `apart` bytes from each other.
void expand(const Weight& w, const uint8_t* codes, int64_t apart, const __m256 (&centres)[kHalves],
            float* to) {
  const __m256i low = _mm256_set1_epi32(255);
  for (int64_t q = 0; q < kQuads; ++q, codes += apart) {
    for (int half = 0; half < kHalves; ++half) {
      const auto* at = reinterpret_cast<const __m256i*>(codes + half * 32);
      __m256i word = _mm256_loadu_si256(at);
      for (int j = 0; j < 4; ++j, word = _mm256_srli_epi32(word, 8)) {
        const __m256i code = _mm256_and_si256(word, low);
        const __m256 value = w.values ? _mm256_i32gather_ps(w.values, code, 4)
                                      : _mm256_sub_ps(_mm256_cvtepi32_ps(code), centres[half]);
        _mm256_store_ps(to + (4 * q + j) * kLanes + half * Ymm::kWidth, value);
      }
    }
  }
}

// The sums of a step, for Rows rows and a panel, added to their totals.
template <int Rows>
void multiply(const Job& job, const float* values, const float* x, int64_t row, int64_t lane,
              const __m256 (&scales)[kHalves]) {
  __m256 sums[Rows][kHalves];
  for (int r = 0; r < Rows; ++r)
    for (int half = 0; half < kHalves; ++half) sums[r][half] = _mm256_setzero_ps();
  for (int64_t k = 0; k < kStep; ++k, values += kLanes) {
    const __m256 first = _mm256_load_ps(values), second = _mm256_load_ps(values + Ymm::kWidth);
    for (int r = 0; r < Rows; ++r) {
      const __m256 activation = _mm256_broadcast_ss(x + r * job.t.stride + k);
      sums[r][0] = _mm256_fmadd_ps(first, activation, sums[r][0]);
      sums[r][1] = _mm256_fmadd_ps(second, activation, sums[r][1]);
    }
  }
  for (int r = 0; r < Rows; ++r)
    for (int half = 0; half < kHalves; ++half) {
      const int64_t at = lane + half * Ymm::kWidth;
      add(job.total(row + r, at), job.lost(row + r, at),
          _mm256_mul_ps(sums[r][half], scales[half]));
    }
}

void all_rows(const Job& job, const float* values, int64_t position, int64_t lane,
              const __m256 (&scales)[kHalves]) {
  const float* x = job.t.values + position;
  int64_t row = 0;
  for (; row + 6 <= job.t.rows; row += 6)
    multiply<6>(job, values, x + row * job.t.stride, row, lane, scales);
  for (; row + 2 <= job.t.rows; row += 2)
    multiply<2>(job, values, x + row * job.t.stride, row, lane, scales);
  if (row < job.t.rows) multiply<1>(job, values, x + row * job.t.stride, row, lane, scales);
}

// The share of floating zeros in a group.
void subtract_shifts(const Job& job, const uint8_t* zeros, int64_t g, int64_t lane) {
  const __m256 shift = Ymm::load_entries(zeros, static_cast<int>(lane), job.w.shift);
  for (int64_t row = 0; row < job.t.rows; ++row) {
    const __m256 inputs = _mm256_set1_ps(job.t.value_sums[row * job.w.groups + g]);
    float* to = job.total(row, lane);
    _mm256_storeu_ps(to, _mm256_sub_ps(_mm256_loadu_ps(to), _mm256_mul_ps(inputs, shift)));
  }
}

void one_group(const Job& job, int64_t block, int64_t g) {
  const Weight& w = job.w;
  const int64_t panels = w.panels_of(block), apart = panels * kVector;
  const uint8_t* zeros = w.zeros(block, g);
  alignas(32) float values[kStep * kLanes];
  for (int64_t panel = 0; panel < panels; ++panel) {
    __m256 scales[kHalves], centres[kHalves];
    for (int half = 0; half < kHalves; ++half) {
      const int lane = static_cast<int>(panel * kLanes) + half * Ymm::kWidth;
      scales[half] = Ymm::load_entries(w.scales(block, g), lane, w.scale);
      if (w.half) scales[half] = _mm256_mul_ps(scales[half], _mm256_set1_ps(0.5f));
      centres[half] = Ymm::floats(w.zero == Zero::integer ? Ymm::load_bytes(zeros + lane)
                                                          : Ymm::ints(w.centre));
    }
    for (int64_t step = 0; step < w.steps_of(g); ++step) {
      expand(w, job.work.codes + step * kQuads * apart + panel * kVector, apart, centres, values);
      all_rows(job, values, (g * w.group_steps + step) * kStep, panel * kLanes, scales);
    }
    for (int half = 0; half < kHalves && w.zero == Zero::floating; ++half)
      subtract_shifts(job, zeros, g, panel * kLanes + half * Ymm::kWidth);
  }
}

void linear(const Weight& w, const Tokens& t, int64_t first, int64_t last, const Output& out,
            const Workspace& work) {
  const Job job{w, t, work};
  const DecodeKernel decode = kernels(Isa::avx2).decode;
  for (int64_t block = first; block < last; ++block) {
    std::fill_n(work.totals, 2 * t.rows * kBlock, 0.0f);
    for (int64_t g = 0; g < w.groups; ++g) {
      decode(w, block, g, work.codes);
      one_group(job, block, g);
    }
    const int64_t lanes = w.panels_of(block) * kLanes;
    for (int64_t row = 0; row < t.rows; ++row)
      for (int64_t lane = 0; lane < lanes; lane += Ymm::kWidth)
        finish(w, out, row, block * kBlock + lane, Ymm::load(job.total(row, lane)));
  }
}

const Kernels defined{.linear_f32 = linear};
const Register registered{Isa::avx2, defined};

}  // namespace
}  // namespace qdsl
