// Sixty-four words at a time of one stream of Philox, in their order; also with how many thresholds each has reached. The same source
// is compiled for several widths of registers (see registers.h), which all give the same.
#ifndef BRAINSIM_LANES_H_
#define BRAINSIM_LANES_H_

#include <cstdint>
#include <cstring>

#include "philox.h"
#include "registers.h"

namespace brainsim {

constexpr int kTogether = 64;    // words
constexpr int kThresholds = 10;  // that are compared with without looking


#if defined(__GNUC__) && !defined(__clang__)

#pragma GCC diagnostic ignored "-Wpsabi"  // all is inlined: nothing is passed in registers that the caller might not have

template <int kBytes>
struct Lanes {
  typedef uint32_t word __attribute__((vector_size(kBytes)));
  typedef uint64_t wide __attribute__((vector_size(kBytes)));
  typedef int32_t whole __attribute__((vector_size(kBytes)));
  static constexpr int count = kBytes / 4;
};

// Products of the lower halves.
template <int kBytes>
BRAINSIM_INLINE typename Lanes<kBytes>::wide lower_product(typename Lanes<kBytes>::wide a, typename Lanes<kBytes>::wide b) {
#ifdef BRAINSIM_WIDER  // for which the compiler would make three products
  if constexpr (kBytes == 16) asm("pmuludq %1, %0" : "+x"(a) : "x"(b));
  else asm("vpmuludq %1, %0, %0" : "+v"(a) : "v"(b));
  return a;
#else
  return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF);
#endif
}

template <int kBytes>
BRAINSIM_INLINE void products(typename Lanes<kBytes>::word a, uint32_t factor, typename Lanes<kBytes>::word& high,
                              typename Lanes<kBytes>::word& low) {
  using Wide = typename Lanes<kBytes>::wide;
  const Wide lower = Wide{} + 0xFFFFFFFF, times = Wide{} + uint64_t{factor};
  Wide x;
  std::memcpy(&x, &a, kBytes);
  const Wide even = lower_product<kBytes>(x, times), odd = lower_product<kBytes>(x >> 32, times);
  const Wide l = (even & lower) | (odd << 32), h = (even >> 32) | (odd & ~lower);
  std::memcpy(&high, &h, kBytes);
  std::memcpy(&low, &l, kBytes);
}

// Lanes of a and b by turns, of the lower (or upper) half of each group of four.
template <int kBytes>
BRAINSIM_INLINE typename Lanes<kBytes>::word by_turns(typename Lanes<kBytes>::word a, typename Lanes<kBytes>::word b, int upper, int each) {
  typename Lanes<kBytes>::word places{};
  constexpr int n = Lanes<kBytes>::count;
  for (int g = 0; g < n; g += 4)
    for (int q = 0; q < 4; ++q) {
      const int own = each == 1 ? q / 2 + 2 * upper : q % 2 + 2 * upper;  // one lane by turns, or two
      places[g + q] = g + own + ((each == 1 ? q % 2 : q / 2) ? n : 0);
    }
  return __builtin_shuffle(a, b, places);
}

// Calls f(q, x) with words q to q + kLanes - 1, from word 4 first of a stream on.
template <int kBytes, class F>
BRAINSIM_INLINE void for_words(const uint32_t* key, Place place, uint32_t first, F&& f) {
  using Word = typename Lanes<kBytes>::word;
  constexpr int kLanes = Lanes<kBytes>::count, kGroups = kLanes / 4, kChains = kTogether / 4 / kLanes;
  Word c0[kChains], c1[kChains], c2[kChains], c3[kChains];
  for (int n = 0; n < kChains; ++n) {
    Word block{};  // so that the words of a block stand behind each other in the end, block after block
    for (int g = 0; g < kGroups; ++g)
      for (int q = 0; q < 4; ++q) block[4 * g + q] = static_cast<uint32_t>(n * kLanes + q * kGroups + g);
    c0[n] = block + first, c1[n] = Word{} + place.lane, c2[n] = Word{} + place.step, c3[n] = Word{} + place.purpose;
  }
  uint32_t k0 = key[0], k1 = key[1];
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 4
    for (int n = 0; n < kChains; ++n) {
      Word h0, l0, h1, l1;
      products<kBytes>(c0[n], 0xD2511F53, h0, l0);
      products<kBytes>(c2[n], 0xCD9E8D57, h1, l1);
      c0[n] = h1 ^ c1[n] ^ k0, c1[n] = l1, c2[n] = h0 ^ c3[n] ^ k1, c3[n] = l0;
    }
    k0 += 0x9E3779B9, k1 += 0xBB67AE85;
  }
#pragma GCC unroll 4
  for (int n = 0; n < kChains; ++n) {
    const Word a = by_turns<kBytes>(c0[n], c1[n], 0, 1), b = by_turns<kBytes>(c2[n], c3[n], 0, 1);
    const Word c = by_turns<kBytes>(c0[n], c1[n], 1, 1), d = by_turns<kBytes>(c2[n], c3[n], 1, 1);
    f((4 * n + 0) * kLanes, by_turns<kBytes>(a, b, 0, 2));
    f((4 * n + 1) * kLanes, by_turns<kBytes>(a, b, 1, 2));
    f((4 * n + 2) * kLanes, by_turns<kBytes>(c, d, 0, 2));
    f((4 * n + 3) * kLanes, by_turns<kBytes>(c, d, 1, 2));
  }
}

template <int kBytes>
BRAINSIM_INLINE void draw_wide(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  for_words<kBytes>(key, place, first, [=](int q, typename Lanes<kBytes>::word x) BRAINSIM_INLINED { std::memcpy(words + q, &x, kBytes); });
}

template <int kBytes>
BRAINSIM_INLINE void draw_and_count_wide(const uint32_t* key, Place place, uint32_t first, const int32_t* below, uint32_t* words,
                                         int32_t* counts) {
  for_words<kBytes>(key, place, first, [=](int q, typename Lanes<kBytes>::word x) BRAINSIM_INLINED {
    const typename Lanes<kBytes>::word turned = x ^ 0x80000000;
    typename Lanes<kBytes>::whole word, count{};
    std::memcpy(&word, &turned, kBytes);
    for (int k = 0; k < kThresholds; ++k) count -= word > below[k];
    std::memcpy(words + q, &x, kBytes);
    std::memcpy(counts + q, &count, kBytes);
  });
}

#ifdef BRAINSIM_WIDER
__attribute__((target("avx512f"))) inline void draw_64(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  draw_wide<64>(key, place, first, words);
}

__attribute__((target("avx2"))) inline void draw_32(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  draw_wide<32>(key, place, first, words);
}

__attribute__((target("avx512f"))) inline void draw_and_count_64(const uint32_t* key, Place place, uint32_t first, const int32_t* below,
                                                                 uint32_t* words, int32_t* counts) {
  draw_and_count_wide<64>(key, place, first, below, words, counts);
}

__attribute__((target("avx2"))) inline void draw_and_count_32(const uint32_t* key, Place place, uint32_t first, const int32_t* below,
                                                              uint32_t* words, int32_t* counts) {
  draw_and_count_wide<32>(key, place, first, below, words, counts);
}
#endif

// Words 4 first to 4 first + 63 of a stream.
inline void draw(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return draw_64(key, place, first, words);
  if (widest() == 32) return draw_32(key, place, first, words);
#endif
  draw_wide<16>(key, place, first, words);
}

// The same, and how many of the thresholds, given less one, each is above.
inline void draw_and_count(const uint32_t* key, Place place, uint32_t first, const int32_t* below, uint32_t* words, int32_t* counts) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return draw_and_count_64(key, place, first, below, words, counts);
  if (widest() == 32) return draw_and_count_32(key, place, first, below, words, counts);
#endif
  draw_and_count_wide<16>(key, place, first, below, words, counts);
}

#else

inline void draw(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  for (int b = 0; b < kTogether / 4; ++b) {
    const Block block = philox(key[0], key[1], {{first + static_cast<uint32_t>(b), place.lane, place.step, place.purpose}});
    for (int q = 0; q < 4; ++q) words[4 * b + q] = block.word[q];
  }
}

inline void draw_and_count(const uint32_t* key, Place place, uint32_t first, const int32_t* below, uint32_t* words, int32_t* counts) {
  draw(key, place, first, words);
  for (int q = 0; q < kTogether; ++q) {
    counts[q] = 0;
    for (int k = 0; k < kThresholds; ++k) counts[q] += static_cast<int32_t>(words[q] ^ 0x80000000) > below[k];
  }
}

#endif

}  // namespace brainsim

#endif  // BRAINSIM_LANES_H_
