// Poisson numbers of many neurons at a time, by three exact methods: a table of the distribution function, for one mean; a search in
// it, for small means; for large ones the transformed rejection of Hoermann (1993), "The transformed rejection method for generating
// Poisson random variables". And thinning: what is left where each event is kept with some chance.
#ifndef BRAINSIM_POISSON_H_
#define BRAINSIM_POISSON_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "lanes.h"
#include "philox.h"
#include "registers.h"
#include "shared.h"
#include "streams.h"

namespace brainsim {

// One mean for all: 32-bit thresholds of the distribution function, of which each number takes a word.
class PoissonTable {
 public:
  explicit PoissonTable(double mean) {
    double p = std::exp(-mean), sum = p;
    for (double k = 1.0; sum * 0x1.0p32 < 0x1.0p32 - 1.0 && k < 1000.0; ++k) {
      threshold_.push_back(static_cast<uint32_t>(sum * 0x1.0p32));
      p *= mean / k;
      sum += p;
      if (p == 0.0 && k > mean) break;
    }
    threshold_.push_back(0xFFFFFFFF);
    uint16_t k = 0;
    for (uint32_t top = 0; top < 256; ++top) {
      while (threshold_[k] <= top << 24 && threshold_[k] != 0xFFFFFFFF) ++k;
      guide_[top] = k;
    }
    few_ = mean <= kFew;
    for (size_t q = 0; q < kThresholds; ++q) {
      const bool is = q + 1 < threshold_.size() && threshold_[q];
      below_[q] = is ? static_cast<int32_t>((threshold_[q] - 1) ^ 0x80000000) : INT32_MAX;
    }
  }

  // Of words 4 block to 4 block + kTogether - 1 of a stream.
  void draw(const uint32_t* key, Place place, uint32_t block, int32_t* counts) const {
    alignas(64) uint32_t words[kTogether];
    if (few_) {  // most are below the first thresholds: many words are compared with these at a time
      if (draw_and_count(key, place, block, below_, words, counts) < kThresholds) return;
      for (int q = 0; q < kTogether; ++q)
        if (counts[q] == kThresholds) counts[q] = count_from(words[q], kThresholds);
      return;
    }
    brainsim::draw(key, place, block, words);
    for (int q = 0; q < kTogether; ++q) counts[q] = count_from(words[q], guide_[words[q] >> 24]);
  }

 private:
  static constexpr double kFew = 5.0;  // mean up to which ten thresholds are compared with

  int32_t count_from(uint32_t word, uint32_t count) const {
    while (threshold_[count] <= word && threshold_[count] != 0xFFFFFFFF) ++count;
    return static_cast<int32_t>(count);
  }

  std::vector<uint32_t> threshold_;
  uint16_t guide_[256];              // how many thresholds are reached whatever follows the top eight bits
  alignas(64) int32_t below_[kThresholds];  // the first thresholds less one, turned so that they compare as signed numbers
  bool few_;
};

constexpr int kThinned = 512;  // neurons that are thinned together
static_assert(kThinned % kTogether == 0 && kThinned % kStreams == 0);

// How many are kept of the drawn[q] events of neuron `first` + q, each with the chance mean[q] / most. Each neuron has a stream, of which
// an event takes a number: all that have events left take a block for the next two.
template <class T>
void thin(const uint32_t* key, uint32_t step, int64_t first, int n, const T* mean, double most, const int32_t* drawn, double* kept) {
  int32_t waiting[kThinned];
  alignas(64) double chance[kThinned], events[kThinned], one[kThinned], other[kThinned];
  run_widest([=, &chance, &events]() BRAINSIM_INLINED {
    for (int q = 0; q < n; ++q) {
      const double ratio = static_cast<double>(mean[q]) / most, count = static_cast<double>(drawn[q]);
      chance[q] = ratio;
      kept[q] = ratio > 0.0 ? count : 0.0;
      events[q] = (ratio > 0.0) & (ratio < 1.0) ? count : 0.0;
    }
  });
  int left = 0;
  for (int q = 0; q < n; ++q) waiting[left] = q, left += events[q] > 0.0;  // without a branch
  const Place place{static_cast<uint32_t>(first) + 1, step, shared::Purpose::THINNING};
  for (uint32_t block = 0; left > 0; ++block) {
    draw_uniforms(key, place, block, waiting, left, one, other);
    const double done = 2.0 * block;
    run_widest([=, &chance, &events, &one, &other]() BRAINSIM_INLINED {
      for (int q = 0; q < n; ++q) {
        const double lost = (events[q] > done) & (one[q] > chance[q]) ? 1.0 : 0.0;
        const double also = (events[q] > done + 1.0) & (other[q] > chance[q]) ? 1.0 : 0.0;
        kept[q] -= lost + also;
      }
    });
    const int had = left;
    left = 0;
    for (int k = 0; k < had; ++k) {
      const int32_t q = waiting[k];
      waiting[left] = q, left += events[q] > done + 2.0;
    }
  }
}

// How often each distribution function has to be raised to reach u, from its value p at 0 on. Of kTogether neurons.
inline void search(const double* mean, const double* u, const double* none, double* counts) {
  run_widest([=]() BRAINSIM_INLINED {
    constexpr int kSome = 16;
    for (int from = 0; from < kTogether; from += kSome) {
      alignas(64) double p[kSome], sum[kSome], count[kSome] = {};
      for (int q = 0; q < kSome; ++q) p[q] = sum[q] = none[from + q];
      int64_t below = 1;
      for (double k = 1.0; below && k <= 200.0; ++k) {  // beyond 200 no double is left for a mean of 10
        below = 0;
        for (int q = 0; q < kSome; ++q) {
          const bool is = u[from + q] > sum[q];
          below |= is ? int64_t{1} : int64_t{0};
          count[q] += is ? 1.0 : 0.0;
          p[q] *= mean[from + q] / k;
          sum[q] += p[q];
        }
      }
      for (int q = 0; q < kSome; ++q) counts[from + q] = count[q];
    }
  });
}

// From two uniform numbers, and where these are refused from the next ones.
inline double poisson_rejection(double mean, double one, double other, Stream next) {
  const double log_mean = std::log(mean);
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2.0);
  for (;; one = next.uniform(), other = next.uniform()) {
    const double u = one - 0.5, v = other;
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return k;
    if (!(k >= 0.0) || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_mean - mean - std::lgamma(k + 1.0)) return k;
  }
}

// Of neurons `first` to first + n - 1, at most kTogether; there is room for as many. mean(q) is that of neuron first + q.
template <class Mean>
void poisson_each(const uint32_t* key, uint32_t step, int64_t first, int n, Mean&& mean, double* counts) {
  constexpr double kSearched = 10.0;  // means up to which it is
  int32_t streams[kTogether];
  alignas(64) double one[kTogether], other[kTogether], searched[kTogether], none[kTogether];
  for (int q = 0; q < kTogether; ++q) {
    const double m = q < n ? mean(q) : 0.0;
    const bool is = m > 0.0 && m <= kSearched;  // others have a distribution that is 1 from the beginning
    streams[q] = q, searched[q] = is ? m : 0.0, none[q] = is ? std::exp(-m) : 1.0;
  }
  const Place place{static_cast<uint32_t>(first) + 1, step, shared::Purpose::POISSON};
  draw_uniforms(key, place, 0, streams, kTogether, one, other);
  search(searched, one, none, counts);
  for (int q = 0; q < n; ++q) {
    if (!(mean(q) > kSearched)) continue;
    Stream next(key, step, shared::Purpose::POISSON, place.lane + static_cast<uint32_t>(q));
    next.skip_to(1);
    counts[q] = poisson_rejection(mean(q), one[q], other[q], next);
  }
}

}  // namespace brainsim

#endif  // BRAINSIM_POISSON_H_
