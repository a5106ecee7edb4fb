// Rows of spikes through a dense weight, [rows, n_in] and [n_in, n_out]: work goes with the number of spikes.
//
// A row of the product is the sum of some rows of the weight, and a row of the weight's gradient the sum of some rows of
// the cotangent. A tile of columns of all rows that are added stays in the second cache meanwhile.
#ifndef BRAINSIM_ROWS_H_
#define BRAINSIM_ROWS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "contract.h"
#include "registers.h"

#ifdef BRAINSIM_WIDER
#include <immintrin.h>
#endif

namespace brainsim {

constexpr int64_t kTile = 256;              // columns of the weight that are worked on together
constexpr int64_t kListed = int64_t{1} << 20;  // spikes that are listed at a time, at most (or those of one row)
constexpr int64_t kAhead = 2048;             // bytes that are asked for before they are listed
constexpr int64_t kSampled = 64;            // rows that are looked at to see how many spikes there are, at most

// The spikes of some rows: which, and their values where these are not all 1.
template <class T>
struct Listed {
  std::vector<int32_t> index;    // of row r: from first[r] to first[r + 1]
  std::vector<T> value;
  std::vector<int32_t> first;
  bool ones = true;

  void prepare(int64_t rows, int64_t n) {
    if (static_cast<int64_t>(index.size()) < rows * n) index.resize(rows * n), value.resize(rows * n);
    if (static_cast<int64_t>(first.size()) < rows + 1) first.resize(rows + 1);
    first[0] = 0;
    ones = true;
  }
};

#ifdef BRAINSIM_SSE2
inline int unequal_to_zero(const float* s) {  // of 16 numbers, one bit each
  const __m128 none = _mm_setzero_ps();
  const auto four = [&](int k) { return _mm_movemask_ps(_mm_cmpneq_ps(_mm_loadu_ps(s + k), none)); };
  return four(0) | four(4) << 4 | four(8) << 8 | four(12) << 12;
}

inline int unequal_to_zero(const double* s) {
  const __m128d none = _mm_setzero_pd();
  int bits = 0;
  for (int k = 0; k < 16; k += 2) bits |= _mm_movemask_pd(_mm_cmpneq_pd(_mm_loadu_pd(s + k), none)) << k;
  return bits;
}
#endif

// Calls f(i) for the nonzero s.
template <class S, class F>
BRAINSIM_INLINE void for_each_nonzero(const S* s, int64_t n, F&& f) {
#ifdef BRAINSIM_SSE2
  if constexpr (!std::is_same_v<S, bool>) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
      for (int bits = unequal_to_zero(s + i); bits; bits &= bits - 1) f(i + __builtin_ctz(bits));
    for (; i < n; ++i)
      if (s[i] != 0) f(i);
    return;
  }
#endif
  for_each_spike(s, n, [&](int64_t i, S) { f(i); });
}

// Lists the spikes of `rows` rows of n.
template <class S, class T>
void list(const S* s, int64_t rows, int64_t n, Listed<T>& to) {
  to.prepare(rows, n);
  int32_t* const index = to.index.data();
  T* const value = to.value.data();
  int32_t count = 0;
  bool ones = true;
  for (int64_t r = 0; r < rows; ++r, s += n) {
    for_each_nonzero(s, n, [&](int64_t i) {
      index[count] = static_cast<int32_t>(i);
      if constexpr (!std::is_same_v<S, bool>) {
        value[count] = s[i];
        ones &= s[i] == 1;
      }
      ++count;
    });
    to.first[r + 1] = count;
  }
  to.ones = ones;
}

#ifdef BRAINSIM_WIDER
// The same for processors that keep sixteen numbers of some in one go: without a branch, as whether there is a spike among
// sixteen numbers cannot be foreseen. Values are written where they are not all 1.
__attribute__((target("avx512f,popcnt"))) inline void list_64(const float* s, int64_t rows, int64_t n, Listed<float>& to) {
  to.prepare(rows, n + 16);
  int32_t* const index = to.index.data();
  const __m512 none = _mm512_setzero_ps(), one = _mm512_set1_ps(1.0f);
  const __m512i sixteen = _mm512_set1_epi32(16);
  int32_t count = 0;
  unsigned others = 0;
  const float* const begin = s;
  const auto sixteen_of = [&](__m512 x, __m512i places) __attribute__((always_inline, target("avx512f,popcnt"))) {
    const __mmask16 spikes = _mm512_cmp_ps_mask(x, none, _CMP_NEQ_UQ);
    others |= _mm512_mask_cmp_ps_mask(spikes, x, one, _CMP_NEQ_UQ);
    _mm512_storeu_si512(index + count, _mm512_maskz_compress_epi32(spikes, places));
    count += __builtin_popcount(spikes);
  };
  const int64_t whole = n / 16 * 16;
  const __mmask16 rest = static_cast<__mmask16>((1u << (n - whole)) - 1);
  for (int64_t r = 0; r < rows; ++r, s += n) {
    __m512i places = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    for (int64_t i = 0; i < whole; i += 16, places = _mm512_add_epi32(places, sixteen)) {
      _mm_prefetch(reinterpret_cast<const char*>(s + i) + kAhead, _MM_HINT_T0);  // beyond a page, which processors stop at
      sixteen_of(_mm512_loadu_ps(s + i), places);
    }
    if (rest) sixteen_of(_mm512_maskz_loadu_ps(rest, s + whole), places);
    to.first[r + 1] = count;
  }
  to.ones = others == 0;
  for (int64_t r = 0; !to.ones && r < rows; ++r)
    for (int32_t k = to.first[r]; k < to.first[r + 1]; ++k) to.value[k] = begin[r * n + index[k]];
}
#endif

// With registers of so many bytes.
template <int kBytes, class S, class T>
void list_with(const S* s, int64_t rows, int64_t n, Listed<T>& to) {
#ifdef BRAINSIM_WIDER
  if constexpr (kBytes == 64 && std::is_same_v<S, float>) return list_64(s, rows, n, to);
#endif
  list(s, rows, n, to);
}

// Whether more than `part` of 256 numbers are spikes, as some of the rows tell: at places without a period, as batches
// and times have one.
template <class S>
bool denser(const S* s, int64_t rows, int64_t n, int64_t part) {
  const int64_t looked_at = std::min(rows, std::clamp<int64_t>(rows / 8, 8, kSampled));
  int64_t count = 0;
  for (int64_t k = 0; k < looked_at; ++k) {
    const uint64_t fraction = static_cast<uint64_t>(k) * 0x9E3779B97F4A7C15u >> 32;  // k times the golden ratio, modulo 1
    const int64_t r = looked_at == rows ? k : static_cast<int64_t>(fraction * static_cast<uint64_t>(rows) >> 32);
    const S* const row = s + r * n;
    int32_t here = 0;  // without a branch
    for (int64_t i = 0; i < n; ++i) here += row[i] != 0;
    count += here;
  }
  return count * 256 > looked_at * n * part;
}

// Rows of spikes, and the two arrays that they stand between.
template <class S, class T>
struct Rows {
  const S* s;          // [rows, n_in]
  int64_t rows, n_in, n_out;
  const T* from;       // the weight [n_in, n_out], or the cotangent [rows, n_out]
  T* out;              // the product [rows, n_out], or the gradient [n_in, n_out]
  bool alone;          // nothing is there yet
  Listed<T>* spikes;   // room to work in
  Listed<T>* turned;   // and for spikes sorted by input
};

// out[r] += sum of s[r, i] W[i]
template <int kBytes, int kMost, bool kOnes, class S, class T>
BRAINSIM_INLINE void multiply_block(const Rows<S, T>& job, int64_t begin, int64_t rows) {
  const Listed<T>& at = *job.spikes;
  for (int64_t c = 0; c < job.n_out; c += kTile) {
    const int64_t columns = std::min(kTile, job.n_out - c);
    for (int64_t r = 0; r < rows; ++r) {
      const int32_t first = at.first[r];
      T* const out = job.out + (begin + r) * job.n_out + c;
      if (job.alone) std::fill(out, out + columns, T{0});
      add_listed<T, kBytes, kMost, kOnes>(at.index.data() + first, at.value.data() + first, at.first[r + 1] - first,
                                          job.from + c, job.n_out, columns, out);
    }
  }
}

template <int kBytes, int kMost, class S, class T>
BRAINSIM_INLINE void multiply(const Rows<S, T>& job) {
  const int64_t block = std::clamp<int64_t>(kListed / std::max<int64_t>(job.n_in, 1), 1, 128);
  for (int64_t begin = 0; begin < job.rows; begin += block) {
    const int64_t rows = std::min(block, job.rows - begin);
    list_with<kBytes>(job.s + begin * job.n_in, rows, job.n_in, *job.spikes);
    if (job.spikes->ones) multiply_block<kBytes, kMost, true>(job, begin, rows);
    else multiply_block<kBytes, kMost, false>(job, begin, rows);
  }
}

// The spikes of rows, sorted by input instead: for each the rows in which it spikes.
template <class T>
void turn(const Listed<T>& from, int64_t rows, int64_t n, Listed<T>& to) {
  const int64_t count = from.first[rows];
  if (static_cast<int64_t>(to.index.size()) < count) to.index.resize(count), to.value.resize(count);
  to.first.assign(n + 2, 0);  // one place further on, until each list has been filled
  to.ones = from.ones;
  for (int64_t k = 0; k < count; ++k) ++to.first[from.index[k] + 2];
  for (int64_t i = 0; i < n; ++i) to.first[i + 2] += to.first[i + 1];
  for (int64_t r = 0; r < rows; ++r) {
    for (int32_t k = from.first[r]; k < from.first[r + 1]; ++k) {
      const int32_t place = to.first[from.index[k] + 1]++;
      to.index[place] = static_cast<int32_t>(r);
      if (!from.ones) to.value[place] = from.value[k];
    }
  }
}

// out[i] += sum of s[r, i] v[r]
template <int kBytes, int kMost, bool kOnes, class S, class T>
BRAINSIM_INLINE void gradient_block(const Rows<S, T>& job, int64_t begin) {
  const Listed<T>& at = *job.turned;
  for (int64_t c = 0; c < job.n_out; c += kTile) {
    const int64_t columns = std::min(kTile, job.n_out - c);
    for (int64_t i = 0; i < job.n_in; ++i) {
      const int32_t first = at.first[i], count = at.first[i + 1] - first;
      if (count == 0) continue;
      add_listed<T, kBytes, kMost, kOnes>(at.index.data() + first, at.value.data() + first, count,
                                               job.from + begin * job.n_out + c, job.n_out, columns, job.out + i * job.n_out + c);
    }
  }
}

template <int kBytes, int kMost, class S, class T>
BRAINSIM_INLINE void gradient(const Rows<S, T>& job) {
  if (job.alone) std::fill(job.out, job.out + job.n_in * job.n_out, T{0});
  const int64_t block = std::clamp<int64_t>(kListed / std::max<int64_t>(job.n_in, 1), 1, 256);
  for (int64_t begin = 0; begin < job.rows; begin += block) {
    const int64_t rows = std::min(block, job.rows - begin);
    list_with<kBytes>(job.s + begin * job.n_in, rows, job.n_in, *job.spikes);
    turn(*job.spikes, rows, job.n_in, *job.turned);
    if (job.spikes->ones) gradient_block<kBytes, kMost, true>(job, begin);
    else gradient_block<kBytes, kMost, false>(job, begin);
  }
}

// The same for registers of 16 bytes, which every processor has, and of 32 and 64 where it has those.
template <int kBytes, int kMost, class S, class T>
BRAINSIM_INLINE void work(const Rows<S, T>& job, bool towards_weight) {
  if (towards_weight) gradient<kBytes, kMost>(job);
  else multiply<kBytes, kMost>(job);
}

#ifdef BRAINSIM_WIDER
template <class S, class T>
__attribute__((target("avx512f,popcnt"))) void work_64(const Rows<S, T>& job, bool towards_weight) {
  work<64, 16>(job, towards_weight);
}

template <class S, class T>
__attribute__((target("avx2"))) void work_32(const Rows<S, T>& job, bool towards_weight) {
  work<32, 8>(job, towards_weight);
}
#endif

template <class S, class T>
void work(const Rows<S, T>& job, bool towards_weight) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return work_64(job, towards_weight);
  if (widest() == 32) return work_32(job, towards_weight);
#endif
  work<16, 8>(job, towards_weight);
}

}  // namespace brainsim

#endif  // BRAINSIM_ROWS_H_
