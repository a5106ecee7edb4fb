// Numbers of 16 bits (IEEE binary16), as weights are kept in where memory is short.
#ifndef BRAINSIM_HALF_H_
#define BRAINSIM_HALF_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "registers.h"

#ifdef BRAINSIM_WIDER
#include <immintrin.h>
#endif

namespace brainsim {

struct Half {
  uint16_t bits;

  // The same number, if it is finite. Nothing on the way is too small to have a leading one, which processors may be told to
  // take for zero.
  operator float() const {
    uint32_t whole = ((bits & 0x7FFFu) << 13) + (112u << 23);  // exponents differ by 112
    const bool small = (bits & 0x7C00u) == 0;
    if (small) whole += 1u << 23;
    float number;
    std::memcpy(&number, &whole, sizeof number);
    if (small) number -= 0x1p-14f;
    return bits & 0x8000u ? -number : number;
  }
};

#ifdef BRAINSIM_WIDER
__attribute__((target("avx,f16c"))) inline int64_t widen_eight(const Half* from, int64_t n, float* to) {
  int64_t k = 0;
  for (; k + 8 <= n; k += 8)
    _mm256_storeu_ps(to + k, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + k))));
  return k;
}
#endif

// The same numbers in 32 bits: eight at a time, where the processor has an instruction for it.
inline void widen(const Half* from, int64_t n, float* to) {
  int64_t k = 0;
#ifdef BRAINSIM_WIDER
  static const bool eight = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
  if (eight) k = widen_eight(from, n, to);
#endif
  for (; k < n; ++k) to[k] = from[k];
}

// Weights as they are added: those of 16 bits are widened together.
template <class W>
struct Widened {
  const W* of(const W* from, int64_t) { return from; }
};

template <>
struct Widened<Half> {
  std::vector<float> room;
  const float* of(const Half* from, int64_t n) {
    if (static_cast<int64_t>(room.size()) < n) room.resize(n);
    widen(from, n, room.data());
    return room.data();
  }
};

}  // namespace brainsim

#endif  // BRAINSIM_HALF_H_
