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
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // said of arrays of registers that are set whole

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

constexpr int kChains = 2;  // registers of blocks that are waited for at the same time

// Blocks side by side, word by word. Each word is the lower half of a lane of 64 bits, so that a product is had by one operation; what
// is in the upper half is nobody's.
template <int kBytes>
struct Blocks {
  using Wide = typename Lanes<kBytes>::wide;
  Wide word[4][kChains];

  // The counters of register n.
  BRAINSIM_INLINE void set(int n, const Wide& block, const Wide& lane, Place place) {
    word[0][n] = block, word[1][n] = lane, word[2][n] = Wide{} + place.step, word[3][n] = Wide{} + place.purpose;
  }

  // From counters to what is drawn with them.
  BRAINSIM_INLINE void draw(const uint32_t* key) {
    const Wide times0 = Wide{} + 0xD2511F53, times1 = Wide{} + 0xCD9E8D57;
    Wide k0 = Wide{} + key[0], k1 = Wide{} + key[1];
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 2
      for (int n = 0; n < kChains; ++n) {
        const Wide p0 = lower_product<kBytes>(word[0][n], times0), p1 = lower_product<kBytes>(word[2][n], times1);
        word[0][n] = (p1 >> 32) ^ word[1][n] ^ k0, word[1][n] = p1, word[2][n] = (p0 >> 32) ^ word[3][n] ^ k1, word[3][n] = p0;
      }
      k0 += 0x9E3779B9, k1 += 0xBB67AE85;
    }
  }
};

// Calls f(q, x) with words q to q + kLanes - 1, from word 4 first of a stream on.
template <int kBytes, class F>
BRAINSIM_INLINE void for_words(const uint32_t* key, Place place, uint32_t first, F&& f) {
  using Wide = typename Lanes<kBytes>::wide;
  using Word = typename Lanes<kBytes>::word;
  constexpr int kLanes = Lanes<kBytes>::count, kBlocks = kLanes / 2;
  const Wide lower = Wide{} + 0xFFFFFFFF;
  Wide block{}, even{}, odd{};  // of lanes by turns, the even ones of two arrays and the odd ones: blocks lie so that these come in their order
  for (int q = 0; q < kBlocks; ++q) {
    block[q] = static_cast<uint32_t>(q % 2 * kBlocks / 2 + q / 2);
    even[q] = static_cast<uint32_t>(q - q % 2 + q % 2 * kBlocks), odd[q] = even[q] + 1;
  }
#pragma GCC unroll 4
  for (int from = 0; from < kTogether / 4; from += kChains * kBlocks) {
    Blocks<kBytes> drawn;
#pragma GCC unroll 2
    for (int n = 0; n < kChains; ++n)
      drawn.set(n, block + (first + static_cast<uint32_t>(from + n * kBlocks)), Wide{} + place.lane, place);
    drawn.draw(key);
#pragma GCC unroll 2
    for (int n = 0; n < kChains; ++n) {
      const Wide a = (drawn.word[0][n] & lower) | drawn.word[1][n] << 32, b = (drawn.word[2][n] & lower) | drawn.word[3][n] << 32;
      const Wide x = __builtin_shuffle(a, b, even), y = __builtin_shuffle(a, b, odd);
      const int q = 4 * (from + n * kBlocks);
      Word words;
      std::memcpy(&words, &x, kBytes);
      f(q, words);
      std::memcpy(&words, &y, kBytes);
      f(q + kLanes, words);
    }
  }
}

template <int kBytes>
BRAINSIM_INLINE void draw_wide(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  for_words<kBytes>(key, place, first, [=](int q, typename Lanes<kBytes>::word x) BRAINSIM_INLINED { std::memcpy(words + q, &x, kBytes); });
}

template <int kBytes>
BRAINSIM_INLINE int32_t draw_and_count_wide(const uint32_t* key, Place place, uint32_t first, const int32_t* below, uint32_t* words,
                                            int32_t* counts) {
  using Whole = typename Lanes<kBytes>::whole;
  Whole most{};
  for_words<kBytes>(key, place, first, [&](int q, typename Lanes<kBytes>::word x) BRAINSIM_INLINED {
    const typename Lanes<kBytes>::word turned = x ^ 0x80000000;
    Whole word, count{};
    std::memcpy(&word, &turned, kBytes);
    for (int k = 0; k < kThresholds; ++k)
      if constexpr (kBytes == 64) count = word > below[k] ? count + 1 : count;  // comparing gives no number there
      else count -= word > below[k];
    most = count > most ? count : most;
    std::memcpy(words + q, &x, kBytes);
    std::memcpy(counts + q, &count, kBytes);
  });
  int32_t largest = 0;
  for (int q = 0; q < Lanes<kBytes>::count; ++q) largest = most[q] > largest ? most[q] : largest;
  return largest;
}

#ifdef BRAINSIM_WIDER
__attribute__((target("avx512f"))) inline void draw_64(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  draw_wide<64>(key, place, first, words);
}

__attribute__((target("avx2"))) inline void draw_32(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  draw_wide<32>(key, place, first, words);
}

__attribute__((target("avx512f"))) inline int32_t draw_and_count_64(const uint32_t* key, Place place, uint32_t first, const int32_t* below,
                                                                 uint32_t* words, int32_t* counts) {
  return draw_and_count_wide<64>(key, place, first, below, words, counts);
}

__attribute__((target("avx2"))) inline int32_t draw_and_count_32(const uint32_t* key, Place place, uint32_t first, const int32_t* below,
                                                              uint32_t* words, int32_t* counts) {
  return draw_and_count_wide<32>(key, place, first, below, words, counts);
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

// The same, and how many of the thresholds, given less one, each is above; gives the largest of these.
inline int32_t draw_and_count(const uint32_t* key, Place place, uint32_t first, const int32_t* below, uint32_t* words, int32_t* counts) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return draw_and_count_64(key, place, first, below, words, counts);
  if (widest() == 32) return draw_and_count_32(key, place, first, below, words, counts);
#endif
  return draw_and_count_wide<16>(key, place, first, below, words, counts);
}

#else

inline void draw(const uint32_t* key, Place place, uint32_t first, uint32_t* words) {
  for (int b = 0; b < kTogether / 4; ++b) {
    const Block block = philox(key[0], key[1], {{first + static_cast<uint32_t>(b), place.lane, place.step, place.purpose}});
    for (int q = 0; q < 4; ++q) words[4 * b + q] = block.word[q];
  }
}

inline int32_t draw_and_count(const uint32_t* key, Place place, uint32_t first, const int32_t* below, uint32_t* words, int32_t* counts) {
  draw(key, place, first, words);
  int32_t largest = 0;
  for (int q = 0; q < kTogether; ++q) {
    counts[q] = 0;
    for (int k = 0; k < kThresholds; ++k) counts[q] += static_cast<int32_t>(words[q] ^ 0x80000000) > below[k];
    largest = counts[q] > largest ? counts[q] : largest;
  }
  return largest;
}

#endif

}  // namespace brainsim

#endif  // BRAINSIM_LANES_H_
