// Uniform numbers of many streams of Philox, one block of each: as Stream gives them, a register of streams at a time. The same
// source is compiled for several widths of registers (see registers.h), which all give the same.
#ifndef BRAINSIM_STREAMS_H_
#define BRAINSIM_STREAMS_H_

#include <cstdint>
#include <cstring>

#include "lanes.h"
#include "philox.h"
#include "registers.h"

namespace brainsim {

constexpr int kStreams = 16;  // that are drawn together, at most

#if defined(__GNUC__) && !defined(__clang__)

// (x + 1) 2^-53 of x, the upper 53 bits of two words. All sums are exact.
template <int kBytes>
BRAINSIM_INLINE typename Register<double, kBytes>::type uniform_of(typename Lanes<kBytes>::wide high, typename Lanes<kBytes>::wide low) {
  using Wide = typename Lanes<kBytes>::wide;
  using Real = typename Register<double, kBytes>::type;
  const Wide upper = (high & 0xFFFFFFFF) | 0x4530000000000000;  // the bits of 2^84 + 2^32 high
  const Wide lower = (low & 0xFFFFF800) | 0x4330000000000000;   // and of 2^52 + low, without the last 11
  Real a, b;
  std::memcpy(&a, &upper, kBytes);
  std::memcpy(&b, &lower, kBytes);
  return (((a - (0x1.0p84 + 0x1.0p52)) + b) + 0x1.0p11) * 0x1.0p-64;
}

template <int kBytes>
BRAINSIM_INLINE void draw_uniforms_wide(const uint32_t* key, Place place, uint32_t block, const int32_t* streams, int count, double* one,
                                        double* other) {
  using Wide = typename Lanes<kBytes>::wide;
  using Half = typename Lanes<kBytes / 2>::word;
  constexpr int kBlocks = Lanes<kBytes>::count / 2;
  static_assert(kStreams % (kChains * kBlocks) == 0);
  for (int from = 0; from < count; from += kChains * kBlocks) {
    Blocks<kBytes> drawn;
    alignas(64) double uniform[2][kChains * kBlocks];
#pragma GCC unroll 2
    for (int n = 0; n < kChains; ++n) {
      Half some;
      std::memcpy(&some, streams + from + n * kBlocks, kBytes / 2);
      const Wide lane = __builtin_convertvector(some, Wide) + place.lane;
      drawn.set(n, Wide{} + block, lane, place);
    }
    drawn.draw(key);
#pragma GCC unroll 2
    for (int n = 0; n < kChains; ++n) {
      const auto x = uniform_of<kBytes>(drawn.word[0][n], drawn.word[1][n]), y = uniform_of<kBytes>(drawn.word[2][n], drawn.word[3][n]);
      std::memcpy(uniform[0] + n * kBlocks, &x, kBytes);
      std::memcpy(uniform[1] + n * kBlocks, &y, kBytes);
    }
    const int n = count - from < kChains * kBlocks ? count - from : kChains * kBlocks;
    for (int k = 0; k < n; ++k) one[streams[from + k]] = uniform[0][k], other[streams[from + k]] = uniform[1][k];
  }
}

#ifdef BRAINSIM_WIDER
__attribute__((target("avx512f"))) inline void draw_uniforms_64(const uint32_t* key, Place place, uint32_t block, const int32_t* streams,
                                                                int count, double* one, double* other) {
  draw_uniforms_wide<64>(key, place, block, streams, count, one, other);
}

__attribute__((target("avx2"))) inline void draw_uniforms_32(const uint32_t* key, Place place, uint32_t block, const int32_t* streams,
                                                             int count, double* one, double* other) {
  draw_uniforms_wide<32>(key, place, block, streams, count, one, other);
}
#endif

// one[s], other[s]: numbers 2 block and 2 block + 1 of the stream of lane place.lane + s, for each s of `streams`. Of these there is
// a multiple of kStreams, whatever those behind the first `count` are.
inline void draw_uniforms(const uint32_t* key, Place place, uint32_t block, const int32_t* streams, int count, double* one, double* other) {
#ifdef BRAINSIM_WIDER
  if (widest() == 64) return draw_uniforms_64(key, place, block, streams, count, one, other);
  if (widest() == 32) return draw_uniforms_32(key, place, block, streams, count, one, other);
#endif
  draw_uniforms_wide<16>(key, place, block, streams, count, one, other);
}

#else

inline void draw_uniforms(const uint32_t* key, Place place, uint32_t block, const int32_t* streams, int count, double* one, double* other) {
  for (int k = 0; k < count; ++k) {
    Stream stream(key, place.step, place.purpose, place.lane + static_cast<uint32_t>(streams[k]));
    stream.skip_to(block);
    one[streams[k]] = stream.uniform(), other[streams[k]] = stream.uniform();
  }
}

#endif

}  // namespace brainsim

#endif  // BRAINSIM_STREAMS_H_
