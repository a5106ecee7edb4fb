// Poisson counts and Bernoulli spikes: the methods of csrc/random.cc, whose numbers these are. Where events are rare, one
// thread draws the gaps between those of a block of neurons; otherwise a thread is a neuron's.
#ifndef BRAINSIM_DRAWS_CUH_
#define BRAINSIM_DRAWS_CUH_

#include "philox.cuh"
#include "shared.cuh"

constexpr double kRare = 0.3, kRareSpikes = 0.2;

// Neurons that have 16 to 32 events together at the largest mean.
DEVICE i64 block_of(double most) {
  const int exponent = static_cast<int>(bits_of(most) >> 52) - 1023;
  return exponent < -26 ? 1ll << 30 : 1ll << (4 - exponent);
}

DEVICE i64 poisson_search(double mean, Stream stream) {
  const double u = stream.uniform();
  double p = exp(-mean), sum = p;
  i64 k = 0;
  while (u > sum && k < 200) {
    ++k;
    p *= mean / static_cast<double>(k);
    sum += p;
  }
  return k;
}

DEVICE i64 poisson_rejection(double mean, Stream stream) {
  const double log_mean = log(mean);
  const double b = 0.931 + 2.53 * sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2.0);
  for (;;) {
    const double u = stream.uniform() - 0.5, v = stream.uniform();
    const double us = 0.5 - (u < 0 ? -u : u);
    const double k = floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return static_cast<i64>(k);
    if (!(k >= 0.0) || (us < 0.013 && v > us)) continue;
    if (log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_mean - mean - lgamma(k + 1.0)) return static_cast<i64>(k);
  }
}

DEVICE i64 poisson_one(double mean, const u32* key, u32 step, i64 i) {
  if (!(mean > 0.0)) return 0;
  const Stream stream(key, step, Purpose::POISSON, static_cast<u32>(i) + 1);
  return mean <= 10.0 ? poisson_search(mean, stream) : poisson_rejection(mean, stream);
}

// How many thresholds of the distribution function a word has reached.
DEVICE i64 poisson_table(double mean, u32 word) {
  double p = exp(-mean), sum = p;
  for (double k = 1.0;; ++k) {
    if (!(sum * 0x1.0p32 < 0x1.0p32 - 1.0 && k < 1000.0) || static_cast<u32>(sum * 0x1.0p32) > word) return static_cast<i64>(k) - 1;
    p *= mean / k;
    sum += p;
    if (p == 0.0 && k > mean) return static_cast<i64>(k);
  }
}

// Calls add(i, count) for the events of neuron i, or of the block that begins with it.
template <class F>
DEVICE void poisson(const u32* key, u32 step, const Mean* mean, bool one, double most, i64 n, i64 i, F&& add) {
  if (!(most > 0.0)) return;
  if (most <= kRare) {
    const i64 block = block_of(most), end = n - i < block ? n - i : block;
    if (i % block) return;
    Stream stream(key, step, Purpose::POISSON, static_cast<u32>(i / block));
    for (double x = 0.0;;) {
      x -= log(stream.uniform()) / most;
      if (!(x < static_cast<double>(end))) return;
      const i64 at = i + static_cast<i64>(x);
      if (one || stream.uniform() * most <= static_cast<double>(mean[at])) add(at, 1);
    }
  }
  if (n >= 64 && most <= (one ? 100.0 : 4.0)) {
    const i64 count = poisson_table(most, Stream(key, step, Purpose::POISSON).word_at(i));
    const double ratio = one ? 1.0 : static_cast<double>(mean[i]) / most;
    if (count == 0 || !(ratio > 0.0)) return;
    i64 kept = count;
    if (ratio < 1.0) {
      Stream chance(key, step, Purpose::THINNING, static_cast<u32>(i) + 1);
      for (i64 q = 0; q < count; ++q) kept -= chance.uniform() > ratio;
    }
    if (kept) add(i, kept);
    return;
  }
  if (const i64 count = poisson_one(static_cast<double>(mean[one ? 0 : i]), key, step, i)) add(i, count);
}

#endif  // BRAINSIM_DRAWS_CUH_
