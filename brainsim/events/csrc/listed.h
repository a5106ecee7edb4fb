// The places of the bits that are set, in their order: without a branch for each, where registers are wide.
#ifndef BRAINSIM_LISTED_H_
#define BRAINSIM_LISTED_H_

#include <cstdint>

#include "registers.h"

#ifdef BRAINSIM_WIDER
#include <immintrin.h>
#endif

namespace brainsim {

#ifdef BRAINSIM_WIDER
// Of sixteen, from `first` on. Sixteen numbers are written, of which those count that it says.
__attribute__((target("avx512f,popcnt"))) inline int list_set_64(uint32_t bits, int32_t first, int32_t* to) {
  const __m512i counted = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i places = _mm512_add_epi32(counted, _mm512_set1_epi32(first));
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), places));
  return __builtin_popcount(bits);
}

__attribute__((target("avx512f,popcnt"))) inline int64_t list_64(const uint64_t* bits, int64_t words, int32_t* to, int32_t* before) {
  const int32_t* const begin = to;
  for (int64_t w = 0; w < words; ++w) {
    if (before) before[w] = static_cast<int32_t>(to - begin);
    if (!bits[w]) continue;
    for (int q = 0; q < 64; q += 16) to += list_set_64(bits[w] >> q & 0xFFFF, static_cast<int32_t>(64 * w + q), to);
  }
  return to - begin;
}
#endif

constexpr int kBeyond = 16;  // numbers of room behind those that are listed

// The places of the bits of so many words, and how many there are; before[w], where it is given: how many before word w.
inline int64_t list(const uint64_t* bits, int64_t words, int32_t* to, int32_t* before = nullptr) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return list_64(bits, words, to, before);
#endif
  const int32_t* const begin = to;
  for (int64_t w = 0; w < words; ++w) {
    if (before) before[w] = static_cast<int32_t>(to - begin);
    for (uint64_t some = bits[w]; some; some &= some - 1) *to++ = static_cast<int32_t>(64 * w + __builtin_ctzll(some));
  }
  return to - begin;
}

}  // namespace brainsim

#endif  // BRAINSIM_LISTED_H_
