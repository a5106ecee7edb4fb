// What the kernels take from CUDA, and the same in C++: tests run the source of every kernel on a processor, one thread
// after the other. Hence the subset: loops with a stride of the grid, atomics on whole numbers, and no thread that waits for
// another.
#ifndef BRAINSIM_SHIM_CUH_
#define BRAINSIM_SHIM_CUH_

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;

#ifdef __CUDACC__

#define DEVICE __device__ __forceinline__
#define KERNEL(name) extern "C" __global__ void name
#define LAUNCHED(name)
#define ROLLED _Pragma("unroll 1")  // before loops that are written once: each copy of what is within is compiled

DEVICE u32 bits_of(float x) { return __float_as_uint(x); }
DEVICE u64 bits_of(double x) { return static_cast<u64>(__double_as_longlong(x)); }
DEVICE double real_of(u64 x) { return __longlong_as_double(static_cast<i64>(x)); }
DEVICE float float_of(u32 x) { return __uint_as_float(x); }

#else  // C++

#include <cmath>
#include <cstring>
#include <utility>

using std::exp;
using std::floor;
using std::isfinite;
using std::lgamma;
using std::log;
using std::log1p;
using std::pow;
using std::rint;
using std::sqrt;

struct Place {
  unsigned x;
};

extern Place gridDim, blockDim, blockIdx, threadIdx;

#define DEVICE inline
#define ROLLED
#define KERNEL(name) static void name

// One function for each kernel, called with the places of its parameters as a driver is.
#define LAUNCHED(name)                                                                            \
  extern "C" void name##_launched(void** parameters, unsigned blocks, unsigned threads, int turned) { \
    over_all(name, parameters, blocks, threads, turned);                                          \
  }

template <class... Parameters, std::size_t... k>
void call(void (*kernel)(Parameters...), void** parameters, std::index_sequence<k...>) {
  kernel(*static_cast<Parameters*>(parameters[k])...);
}

// All threads of a grid in their order, or the other way round: nothing may depend on it.
template <class... Parameters>
void over_all(void (*kernel)(Parameters...), void** parameters, unsigned blocks, unsigned threads, int turned) {
  gridDim.x = blocks, blockDim.x = threads;
  for (unsigned b = 0; b < blocks; ++b) {
    for (unsigned t = 0; t < threads; ++t) {
      blockIdx.x = turned ? blocks - 1 - b : b;
      threadIdx.x = turned ? threads - 1 - t : t;
      call(kernel, parameters, std::index_sequence_for<Parameters...>{});
    }
  }
}

inline u32 bits_of(float x) {
  u32 y;
  std::memcpy(&y, &x, sizeof y);
  return y;
}

inline u64 bits_of(double x) {
  u64 y;
  std::memcpy(&y, &x, sizeof y);
  return y;
}

inline double real_of(u64 x) {
  double y;
  std::memcpy(&y, &x, sizeof y);
  return y;
}

inline float float_of(u32 x) {
  float y;
  std::memcpy(&y, &x, sizeof y);
  return y;
}

template <class T>
T atomicAdd(T* at, T x) {
  const T before = *at;
  *at += x;
  return before;
}

template <class T>
T atomicMax(T* at, T x) {
  const T before = *at;
  if (x > before) *at = x;
  return before;
}

#endif

DEVICE i64 thread() { return static_cast<i64>(blockIdx.x) * blockDim.x + threadIdx.x; }
DEVICE i64 threads() { return static_cast<i64>(gridDim.x) * blockDim.x; }

// A number of 16 bits (IEEE binary16), as weights are kept in where memory is short.
struct Half {
  unsigned short bits;

  // The same number; nothing on the way is too small to have a leading one.
  DEVICE operator float() const {
    const u32 exponent = bits & 0x7C00u;
    u32 whole = ((bits & 0x7FFFu) << 13) + (112u << 23);  // exponents differ by 112
    if (exponent == 0x7C00u) whole += 112u << 23;         // infinite, or not a number
    if (exponent == 0) whole += 1u << 23;
    const float number = exponent == 0 ? float_of(whole) - 0x1p-14f : float_of(whole);
    return bits & 0x8000u ? -number : number;
  }
};

// The levels of a batch, outermost first.
struct Batch {
  i64 entries, levels, extent[4];
};

// An array with some levels of a batch: where an entry lies, in steps of each level; 0 where it has none.
struct Operand {
  void* data;
  i64 stride[4];

  DEVICE i64 offset(const Batch& batch, i64 entry) const {
    if (batch.levels < 2) return entry * stride[0];
    i64 found = 0;
    ROLLED for (i64 l = batch.levels; l-- > 0;) {
      found += entry % batch.extent[l] * stride[l];
      entry /= batch.extent[l];
    }
    return found;
  }

  template <class T>
  DEVICE T* at(const Batch& batch, i64 entry) const {
    return static_cast<T*>(data) + offset(batch, entry);
  }
};

#endif  // BRAINSIM_SHIM_CUH_
