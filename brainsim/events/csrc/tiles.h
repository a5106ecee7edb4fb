// A matrix product whose left side is read at addresses, so that nothing has to be laid out for it: a tile of the result
// stays in registers. As in registers.h, one source serves several widths of registers.
#ifndef BRAINSIM_TILES_H_
#define BRAINSIM_TILES_H_

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "registers.h"

// Of a function that is compiled for a width: products and sums may be fused.
#if defined(__GNUC__) && !defined(__clang__)
#define BRAINSIM_FUSED optimize("fp-contract=fast")
#else
#define BRAINSIM_FUSED
#endif

namespace brainsim {

// out[out_at[r] + j] += sum over parts p and their k of left[left_at[r] + part_at[p] + k step] right[(p length + k) stride + j]
template <class T>
struct Tiles {
  const T* left;
  const int64_t* left_at;
  int64_t rows;
  const int64_t* part_at;
  int64_t parts, length, step;
  const T* right;  // rows can be read as far as registers are filled
  int64_t stride;
  T* out;
  const int64_t* out_at;
  int64_t columns;
};

template <class T, int kBytes, int M, int N>
BRAINSIM_INLINE void tile(const Tiles<T>& job, int64_t row, int64_t column, int64_t columns) {
#ifdef __clang__
#pragma clang fp contract(fast)
#endif
  using V = typename Register<T, kBytes>::type;
  constexpr int64_t kLanes = sizeof(V) / sizeof(T);
  V sum[M][N] = {};
  const T* left[M];
  for (int i = 0; i < M; ++i) left[i] = job.left + job.left_at[std::min(row + i, job.rows - 1)];
  const T* right = job.right + column;
  for (int64_t p = 0; p < job.parts; ++p) {
    const T* at[M];
    for (int i = 0; i < M; ++i) at[i] = left[i] + job.part_at[p];
    for (int64_t k = 0, n = 0; n < job.length; ++n, k += job.step, right += job.stride) {
      V x[N];
      for (int j = 0; j < N; ++j) std::memcpy(&x[j], right + j * kLanes, sizeof(V));
      for (int i = 0; i < M; ++i) {
        const T y = at[i][k];
        for (int j = 0; j < N; ++j) sum[i][j] += x[j] * y;
      }
    }
  }
  for (int i = 0; i < M && row + i < job.rows; ++i) {
    T* const out = job.out + job.out_at[row + i] + column;
    if (columns == N * kLanes) {
      for (int j = 0; j < N; ++j) {
        V there;
        std::memcpy(&there, out + j * kLanes, sizeof(V));
        there += sum[i][j];
        std::memcpy(out + j * kLanes, &there, sizeof(V));
      }
    } else {
      T some[N * kLanes];
      std::memcpy(some, sum[i], sizeof some);
      for (int64_t j = 0; j < columns; ++j) out[j] += some[j];
    }
  }
}

template <class T, int kBytes, int M, int N>
BRAINSIM_INLINE void tiles_of(const Tiles<T>& job, int64_t& column) {
  constexpr int64_t kLanes = sizeof(typename Register<T, kBytes>::type) / sizeof(T);
  while (job.columns - column >= N * kLanes || (N == 1 && job.columns > column)) {
    const int64_t columns = std::min(N * kLanes, job.columns - column);
    for (int64_t row = 0; row < job.rows; row += M) tile<T, kBytes, M, N>(job, row, column, columns);
    column += N * kLanes;
  }
}

template <class T, int kBytes>
BRAINSIM_INLINE void tiles_with(const Tiles<T>& job) {
  int64_t column = 0;
  if constexpr (kBytes == 64) tiles_of<T, kBytes, 6, 4>(job, column);
  tiles_of<T, kBytes, kBytes == 64 ? 14 : 6, 2>(job, column);
  tiles_of<T, kBytes, 8, 1>(job, column);
}

#ifdef BRAINSIM_WIDER
template <class T>
__attribute__((target("avx512f"), BRAINSIM_FUSED)) void multiply_tiles_64(const Tiles<T>& job) {
  tiles_with<T, 64>(job);
}

template <class T>
__attribute__((target("avx2,fma"), BRAINSIM_FUSED)) void multiply_tiles_32(const Tiles<T>& job) {
  tiles_with<T, 32>(job);
}
#endif

template <class T>
void multiply_tiles(const Tiles<T>& job) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return multiply_tiles_64(job);
  if (widest() == 32 && __builtin_cpu_supports("fma")) return multiply_tiles_32(job);
#endif
  tiles_with<T, 16>(job);
}

}  // namespace brainsim

#endif  // BRAINSIM_TILES_H_
