// Sums of rows of a matrix, kept in registers for as many columns as these hold. The same source is compiled for several
// widths of registers, and the widest that the processor has is taken.
#ifndef BRAINSIM_REGISTERS_H_
#define BRAINSIM_REGISTERS_H_

#include <cstdint>
#include <cstring>

#if defined(__GNUC__) || defined(__clang__)
#define BRAINSIM_INLINE inline __attribute__((always_inline))
#define BRAINSIM_INLINED __attribute__((always_inline))  // of a lambda
#else
#define BRAINSIM_INLINE inline
#define BRAINSIM_INLINED
#endif

#if defined(__GNUC__) && defined(__x86_64__)
#define BRAINSIM_WIDER
#endif

namespace brainsim {

// What a row of sums is made of: some numbers at a time, in a register of so many bytes.
template <class T, int kBytes>
struct Register {
  using type = T;
};
#if defined(__GNUC__) || defined(__clang__)
#define BRAINSIM_REGISTER(T, bytes)                       \
  template <>                                             \
  struct Register<T, bytes> {                             \
    typedef T type __attribute__((vector_size(bytes)));   \
  };
BRAINSIM_REGISTER(float, 16)
BRAINSIM_REGISTER(float, 32)
BRAINSIM_REGISTER(float, 64)
BRAINSIM_REGISTER(double, 16)
BRAINSIM_REGISTER(double, 32)
BRAINSIM_REGISTER(double, 64)
#undef BRAINSIM_REGISTER
#endif

// out += sum of the rows `index` of `from`, times `value`, over as many columns as N registers hold.
template <class T, int kBytes, int N, bool kOnes>
BRAINSIM_INLINE void add_columns(const int32_t* index, const T* value, int64_t count, const T* from, int64_t stride, T* out) {
  using V = typename Register<T, kBytes>::type;
  constexpr int64_t kLanes = sizeof(V) / sizeof(T);
  V sum[N];
  for (int j = 0; j < N; ++j) std::memcpy(&sum[j], out + j * kLanes, sizeof(V));
  for (int64_t k = 0; k < count; ++k) {
    const T* const row = from + index[k] * stride;
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 16
#endif
    for (int j = 0; j < N; ++j) {
      V x;
      std::memcpy(&x, row + j * kLanes, sizeof(V));
      if constexpr (kOnes) sum[j] += x;
      else sum[j] += x * value[k];
    }
  }
  for (int j = 0; j < N; ++j) std::memcpy(out + j * kLanes, &sum[j], sizeof(V));
}

// The same for columns that fill no register of so many bytes: ever narrower ones.
template <class T, int kBytes, bool kOnes>
BRAINSIM_INLINE void add_rest(
    const int32_t* index, const T* value, int64_t count, const T* from, int64_t stride, int64_t columns, T* out) {
  constexpr int64_t kLanes = sizeof(typename Register<T, kBytes>::type) / sizeof(T);
  if constexpr (kBytes > 16) {
    constexpr int64_t kHalf = kLanes / 2;
    if (columns >= kHalf) {
      add_columns<T, kBytes / 2, 1, kOnes>(index, value, count, from, stride, out);
      from += kHalf, out += kHalf, columns -= kHalf;
    }
    return add_rest<T, kBytes / 2, kOnes>(index, value, count, from, stride, columns, out);
  }
  for (int64_t k = 0; columns > 0 && k < count; ++k) {
    const T* const row = from + index[k] * stride;
    for (int64_t j = 0; j < columns; ++j) out[j] += kOnes ? row[j] : row[j] * value[k];
  }
}

template <class T, int kBytes, int kMost, bool kOnes>
BRAINSIM_INLINE void add_listed(
    const int32_t* index, const T* value, int64_t count, const T* from, int64_t stride, int64_t columns, T* out) {
  constexpr int64_t kLanes = sizeof(typename Register<T, kBytes>::type) / sizeof(T);
  int64_t c = 0;
  for (; columns - c >= kMost * kLanes; c += kMost * kLanes)
    add_columns<T, kBytes, kMost, kOnes>(index, value, count, from + c, stride, out + c);
  for (; columns - c >= 4 * kLanes; c += 4 * kLanes)
    add_columns<T, kBytes, 4, kOnes>(index, value, count, from + c, stride, out + c);
  for (; columns - c >= kLanes; c += kLanes)
    add_columns<T, kBytes, 1, kOnes>(index, value, count, from + c, stride, out + c);
  add_rest<T, kBytes, kOnes>(index, value, count, from + c, stride, columns - c, out + c);
}

// out[index] += row, times `value`, over as many columns as N registers hold.
template <class T, int kBytes, int N, bool kOnes>
BRAINSIM_INLINE void add_row(const int32_t* index, const T* value, int64_t count, const T* row, int64_t stride, T* out) {
  using V = typename Register<T, kBytes>::type;
  constexpr int64_t kLanes = sizeof(V) / sizeof(T);
  V x[N];
  for (int j = 0; j < N; ++j) std::memcpy(&x[j], row + j * kLanes, sizeof(V));
  for (int64_t k = 0; k < count; ++k) {
    T* const to = out + index[k] * stride;
    for (int j = 0; j < N; ++j) {
      V there;
      std::memcpy(&there, to + j * kLanes, sizeof(V));
      if constexpr (kOnes) there += x[j];
      else there += x[j] * value[k];
      std::memcpy(to + j * kLanes, &there, sizeof(V));
    }
  }
}

template <class T, int kBytes, bool kOnes>
BRAINSIM_INLINE void add_to_listed(
    const int32_t* index, const T* value, int64_t count, const T* row, int64_t stride, int64_t columns, T* out) {
  constexpr int64_t kLanes = sizeof(typename Register<T, kBytes>::type) / sizeof(T);
  int64_t c = 0;
  for (; columns - c >= 4 * kLanes; c += 4 * kLanes) add_row<T, kBytes, 4, kOnes>(index, value, count, row + c, stride, out + c);
  for (; columns - c >= kLanes; c += kLanes) add_row<T, kBytes, 1, kOnes>(index, value, count, row + c, stride, out + c);
  for (int64_t k = 0; c < columns && k < count; ++k) {
    T* const to = out + index[k] * stride;
    for (int64_t j = c; j < columns; ++j) to[j] += kOnes ? row[j] : row[j] * value[k];
  }
}

#ifdef BRAINSIM_WIDER
inline int widest() {
  static const int bytes = __builtin_cpu_supports("avx512f") ? 64 : __builtin_cpu_supports("avx2") ? 32 : 16;
  return bytes;
}

template <class F>
__attribute__((target("avx512f"))) void run_64(F f) {
  f();
}

template <class F>
__attribute__((target("avx2"))) void run_32(F f) {
  f();
}

template <class T>
__attribute__((target("avx512f"))) void sum_rows_64(
    const int32_t* index, const T* value, int64_t count, const T* from, int64_t stride, int64_t columns, T* out) {
  if (value) add_listed<T, 64, 16, false>(index, value, count, from, stride, columns, out);
  else add_listed<T, 64, 16, true>(index, value, count, from, stride, columns, out);
}

template <class T>
__attribute__((target("avx2"))) void sum_rows_32(
    const int32_t* index, const T* value, int64_t count, const T* from, int64_t stride, int64_t columns, T* out) {
  if (value) add_listed<T, 32, 8, false>(index, value, count, from, stride, columns, out);
  else add_listed<T, 32, 8, true>(index, value, count, from, stride, columns, out);
}

template <class T>
__attribute__((target("avx512f"))) void add_to_rows_64(
    const int32_t* index, const T* value, int64_t count, const T* row, int64_t stride, int64_t columns, T* out) {
  if (value) add_to_listed<T, 64, false>(index, value, count, row, stride, columns, out);
  else add_to_listed<T, 64, true>(index, value, count, row, stride, columns, out);
}

template <class T>
__attribute__((target("avx2"))) void add_to_rows_32(
    const int32_t* index, const T* value, int64_t count, const T* row, int64_t stride, int64_t columns, T* out) {
  if (value) add_to_listed<T, 32, false>(index, value, count, row, stride, columns, out);
  else add_to_listed<T, 32, true>(index, value, count, row, stride, columns, out);
}
#endif

// Runs loops that the compiler makes operations on registers of. What is given is a lambda that is BRAINSIM_INLINED.
template <class F>
void run_widest(F f) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return run_64(f);
  if (widest() == 32) return run_32(f);
#endif
  f();
}

// out += sum of the rows `index` of `from`, times `value` where that is not null.
template <class T>
void sum_rows(const int32_t* index, const T* value, int64_t count, const T* from, int64_t stride, int64_t columns, T* out) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return sum_rows_64(index, value, count, from, stride, columns, out);
  if (widest() == 32) return sum_rows_32(index, value, count, from, stride, columns, out);
#endif
  if (value) add_listed<T, 16, 8, false>(index, value, count, from, stride, columns, out);
  else add_listed<T, 16, 8, true>(index, value, count, from, stride, columns, out);
}

// The rows `index` of out += row, times `value` where that is not null.
template <class T>
void add_to_rows(const int32_t* index, const T* value, int64_t count, const T* row, int64_t stride, int64_t columns, T* out) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return add_to_rows_64(index, value, count, row, stride, columns, out);
  if (widest() == 32) return add_to_rows_32(index, value, count, row, stride, columns, out);
#endif
  if (value) add_to_listed<T, 16, false>(index, value, count, row, stride, columns, out);
  else add_to_listed<T, 16, true>(index, value, count, row, stride, columns, out);
}

}  // namespace brainsim

#endif  // BRAINSIM_REGISTERS_H_
