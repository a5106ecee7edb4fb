// Standard normal numbers in float32: words of Philox through the inverse of the distribution function, by algorithm AS 241
// (Wichura 1988), the version for single precision. Only additions, products, quotients and roots, one by one: NumPy gives the
// same bits.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "host.h"
#include "lanes.h"
#include "listed.h"
#include "shared.h"

namespace {

// Minus the logarithm of x = 2^e m with m in [sqrt(1/2), sqrt(2)).
BRAINSIM_INLINE float minus_log(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, 4);
  const int32_t e = (bits - 0x3F3504F3) >> 23;
  bits -= e * (1 << 23);
  float m;
  std::memcpy(&m, &bits, 4);
  const float f = m - 1.0f, z = f * f;
  float p = 7.0376836292e-2f;  // of Cephes' logf
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const float s = p * f * z - 0.5f * z + f;
  return -(static_cast<float>(e) * 0.69314718056f + s);
}

// The quantile of (word + 1/2) / 2^32.
BRAINSIM_INLINE float normal_of(uint32_t word) {
  const uint32_t sign = word & 0x80000000, half = (sign ? ~word : word) & 0x7FFFFFFF;
  const float tail = (static_cast<float>(static_cast<int32_t>(half)) + 0.5f) * 0x1p-32f;
  const float q = (static_cast<float>(static_cast<int32_t>(0x7FFFFFFF - half)) + 0.5f) * 0x1p-32f;
  const float r = 0.180625f - q * q;
  const float near = q * (((59.109374720f * r + 159.29113202f) * r + 50.434271938f) * r + 3.3871327179f) /
                     (((67.187563600f * r + 78.757757664f) * r + 17.895169469f) * r + 1.0f);
  const float d = std::sqrt(minus_log(tail)) - 1.6f;
  const float far = (((0.17023821103f * d + 1.3067284816f) * d + 2.7568153900f) * d + 1.4234372777f) /
                    ((0.12021132975f * d + 0.73700164250f) * d + 1.0f);
  const float z = q <= 0.425f ? near : far;
  return sign ? z : -z;
}

BRAINSIM_INLINE void turn(const uint32_t* words, float* to) {
  for (int q = 0; q < brainsim::kTogether; ++q) to[q] = normal_of(words[q]);
}

#ifdef BRAINSIM_WIDER
__attribute__((target("avx512f"))) void turn_64(const uint32_t* words, float* to) { turn(words, to); }
__attribute__((target("avx2"))) void turn_32(const uint32_t* words, float* to) { turn(words, to); }

// Those among the first numbers, sixteen at a time.
__attribute__((target("avx512f,popcnt"))) int64_t outside_64(const float* x, int64_t n, float low, float high, int32_t* wrong) {
  const __m512 least = _mm512_set1_ps(low), most = _mm512_set1_ps(high);
  int64_t count = 0;
  for (int64_t k = 0; k + 16 <= n; k += 16) {
    const __m512 some = _mm512_loadu_ps(x + k);
    const __mmask16 is = _mm512_cmp_ps_mask(some, least, _CMP_LT_OQ) | _mm512_cmp_ps_mask(some, most, _CMP_GT_OQ);
    count += brainsim::list_set_64(is, static_cast<int32_t>(k), wrong + count);
  }
  return count;
}
#endif

void turn_widest(const uint32_t* words, float* to) {
#ifdef BRAINSIM_WIDER
  if (brainsim::widest() == 64) return turn_64(words, to);
  if (brainsim::widest() == 32) return turn_32(words, to);
#endif
  turn(words, to);
}

}  // namespace

// to[k]: the normal number of word k of the stream of a key.
BRAINSIM_HOST(void, draw_normals)(const uint32_t* key, int64_t n, float* to) {
  const brainsim::Place place{0, 0, brainsim::shared::Purpose::NORMALS};
  uint32_t words[brainsim::kTogether];
  float last[brainsim::kTogether];
  for (int64_t k = 0; k < n; k += brainsim::kTogether) {
    brainsim::draw(key, place, static_cast<uint32_t>(k / 4), words);
    if (n - k >= brainsim::kTogether) {
      turn_widest(words, to + k);
    } else {
      turn_widest(words, last);
      std::copy_n(last, n - k, to + k);
    }
  }
}

// wrong[0 ... result - 1]: the places of the numbers below `low` or above `high`, in their order. There is room for all.
BRAINSIM_HOST(int64_t, places_outside)(const float* x, int64_t n, float low, float high, int32_t* wrong) {
  int64_t count = 0, k = 0;
#ifdef BRAINSIM_WIDER
  if (brainsim::widest() == 64) count = outside_64(x, n, low, high, wrong), k = n - n % 16;
#endif
  for (; k < n; ++k) {  // without a branch
    wrong[count] = static_cast<int32_t>(k);
    count += (x[k] < low) | (x[k] > high);
  }
  return count;
}

// mean + std x in place of each x, or the nearer bound.
BRAINSIM_HOST(void, scale_normals)(float* x, int64_t n, float mean, float std, float low, float high) {
  for (int64_t k = 0; k < n; ++k) {
    float value = mean + std * x[k];
    value = value < low ? low : value;
    x[k] = value > high ? high : value;
  }
}
