// Sixteen words at a time of the stream of one row: four blocks of Philox, side by side where the processor can.
#ifndef BRAINSIM_WORDS_H_
#define BRAINSIM_WORDS_H_

#include <cstdint>

#include "philox.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace brainsim {

constexpr int kBlocks = 4, kWords = 4 * kBlocks;

#if defined(__SSE2__)

// Upper and lower halves of the products of four words.
inline void product(__m128i a, __m128i b, __m128i& high, __m128i& low) {
  const __m128i even = _mm_mul_epu32(a, b), odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), b);
  const __m128i lower = _mm_set1_epi64x(0xFFFFFFFF);
  low = _mm_or_si128(_mm_and_si128(even, lower), _mm_slli_epi64(odd, 32));
  high = _mm_or_si128(_mm_srli_epi64(even, 32), _mm_andnot_si128(lower, odd));
}

inline void draw(const uint32_t* key, uint32_t row, uint32_t first, uint32_t purpose, uint32_t* words) {
  const auto all = [](uint32_t x) { return _mm_set1_epi32(static_cast<int>(x)); };
  const __m128i m0 = all(0xD2511F53), m1 = all(0xCD9E8D57), w0 = all(0x9E3779B9), w1 = all(0xBB67AE85);
  __m128i c0 = _mm_add_epi32(all(first), _mm_setr_epi32(0, 1, 2, 3)), c1 = all(row), c2 = all(0), c3 = all(purpose);
  __m128i k0 = all(key[0]), k1 = all(key[1]);
  for (int round = 0; round < 10; ++round) {
    __m128i high0, low0, high1, low1;
    product(c0, m0, high0, low0);
    product(c2, m1, high1, low1);
    c0 = _mm_xor_si128(_mm_xor_si128(high1, c1), k0);
    c1 = low1;
    c2 = _mm_xor_si128(_mm_xor_si128(high0, c3), k1);
    c3 = low0;
    k0 = _mm_add_epi32(k0, w0);
    k1 = _mm_add_epi32(k1, w1);
  }
  // Each block's words one after the other.
  const __m128i a = _mm_unpacklo_epi32(c0, c1), b = _mm_unpacklo_epi32(c2, c3);
  const __m128i c = _mm_unpackhi_epi32(c0, c1), d = _mm_unpackhi_epi32(c2, c3);
  __m128i* to = reinterpret_cast<__m128i*>(words);
  _mm_storeu_si128(to, _mm_unpacklo_epi64(a, b));
  _mm_storeu_si128(to + 1, _mm_unpackhi_epi64(a, b));
  _mm_storeu_si128(to + 2, _mm_unpacklo_epi64(c, d));
  _mm_storeu_si128(to + 3, _mm_unpackhi_epi64(c, d));
}

#else

inline void draw(const uint32_t* key, uint32_t row, uint32_t first, uint32_t purpose, uint32_t* words) {
  for (int b = 0; b < kBlocks; ++b) {
    const Block block = philox(key[0], key[1], {{first + b, row, 0, purpose}});
    for (int q = 0; q < 4; ++q) words[4 * b + q] = block.word[q];
  }
}

#endif

}  // namespace brainsim

#endif  // BRAINSIM_WORDS_H_
