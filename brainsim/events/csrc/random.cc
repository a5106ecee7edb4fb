// Poisson counts and Bernoulli spikes, reproducible from (key, step). Exact methods only: where events are rare, the
// gaps between them are drawn; where one mean (or a small largest one) serves all, a table is inverted; else a search,
// or for large means the transformed rejection of Hoermann (1993), "The transformed rejection method for generating
// Poisson random variables".
#include <algorithm>
#include <cmath>
#include <vector>

#include "call.h"
#include "check.h"
#include "lanes.h"
#include "philox.h"
#include "threads.h"

namespace brainsim {
namespace {

constexpr uint32_t kPoisson = shared::Purpose::POISSON, kThinning = shared::Purpose::THINNING;
constexpr uint32_t kBernoulli = shared::Purpose::BERNOULLI;

template <class T>
double largest(const T* x, int64_t n) {
  T best[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int q = 0; q < 8; ++q) best[q] = best[q] < x[i + q] ? x[i + q] : best[q];
  for (; i < n; ++i) best[0] = best[0] < x[i] ? x[i] : best[0];
  return *std::max_element(best, best + 8);
}

int64_t poisson_search(double mean, Stream stream) {
  const double u = stream.uniform();
  double p = std::exp(-mean), sum = p;
  int64_t k = 0;
  while (u > sum && k < 200) {  // beyond 200 no double is left for a mean of 10
    ++k;
    p *= mean / static_cast<double>(k);
    sum += p;
  }
  return k;
}

int64_t poisson_rejection(double mean, Stream stream) {
  const double log_mean = std::log(mean);
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2.0);
  for (;;) {
    const double u = stream.uniform() - 0.5, v = stream.uniform();
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return static_cast<int64_t>(k);
    if (!(k >= 0.0) || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * log_mean - mean - std::lgamma(k + 1.0))
      return static_cast<int64_t>(k);
  }
}

int64_t poisson_one(double mean, const uint32_t* key, uint32_t step, int64_t i) {
  if (!(mean > 0.0)) return 0;
  const Stream stream(key, step, kPoisson, static_cast<uint32_t>(i) + 1);
  return mean <= 10.0 ? poisson_search(mean, stream) : poisson_rejection(mean, stream);
}

constexpr double kFew = 5.0;  // mean up to which ten thresholds are compared with

// One mean for all: 32-bit thresholds of the distribution function, entered through a guide on the top eight bits.
template <class F>
void poisson_table(double mean, int64_t n, Stream stream, F&& add) {
  std::vector<uint32_t> threshold;
  double p = std::exp(-mean), sum = p;
  for (double k = 1.0; sum * 0x1.0p32 < 0x1.0p32 - 1.0 && k < 1000.0; ++k) {
    threshold.push_back(static_cast<uint32_t>(sum * 0x1.0p32));
    p *= mean / k;
    sum += p;
    if (p == 0.0 && k > mean) break;
  }
  threshold.push_back(0xFFFFFFFF);
  uint16_t guide[256];
  uint16_t k = 0;
  for (uint32_t top = 0; top < 256; ++top) {
    while (threshold[k] <= top << 24 && threshold[k] != 0xFFFFFFFF) ++k;
    guide[top] = k;
  }
  const auto count_from = [&](uint32_t word, uint32_t count) {
    while (threshold[count] <= word && threshold[count] != 0xFFFFFFFF) ++count;
    return count;
  };
  int64_t i = 0;
  if (mean <= kFew) {  // most are below the first thresholds: many numbers are compared with these at a time
    alignas(64) uint32_t words[kTogether];
    alignas(64) int32_t counts[kTogether], below[kThresholds];
    for (size_t q = 0; q < kThresholds; ++q)
      below[q] = q + 1 < threshold.size() && threshold[q] ? static_cast<int32_t>((threshold[q] - 1) ^ 0x80000000) : INT32_MAX;
    for (; i + kTogether <= n; i += kTogether) {
      const int32_t most = draw_and_count(stream.key(), stream.place(), static_cast<uint32_t>(i / 4), below, words, counts);
      if (most == kThresholds)
        for (int q = 0; q < kTogether; ++q)
          if (counts[q] == kThresholds) counts[q] = static_cast<int32_t>(count_from(words[q], kThresholds));
      for (int q = 0; q < kTogether; ++q) add(i + q, counts[q]);
    }
    stream.skip_to(static_cast<uint32_t>(i / 4));
  }
  for (; i < n; ++i) {
    const uint32_t word = stream.word();
    add(i, count_from(word, guide[word >> 24]));  // also zero: a branch would cost more
  }
}

// Neurons that have 16 to 32 events together at the largest mean or probability: where events are rare, each such block has a
// stream of its own, so that threads of a GPU can draw them beside each other (see events/cuda/src/random.cuh).
int64_t block_of(double most) {
  int exponent;
  std::frexp(most, &exponent);  // of a fraction from 1/2 to below 1
  return exponent - 1 < -26 ? int64_t{1} << 30 : int64_t{1} << (5 - exponent);
}

// Calls f(begin, end, lane) for the blocks of n neurons.
template <class F>
void for_each_block_of(double most, int64_t n, F&& f) {
  const int64_t size = block_of(most);
  for (int64_t begin = 0; begin < n; begin += size) f(begin, std::min(size, n - begin), static_cast<uint32_t>(begin / size));
}

// Calls add(i, count) with counts that sum to a Poisson number of the given mean for each i; silent ones are left out.
template <class T, class F>
void poisson(const uint32_t* key, uint32_t step, const T* mean, bool one_mean, int64_t n, F&& add) {
  const double most = one_mean ? static_cast<double>(*mean) : largest(mean, n);
  if (!(most > 0.0)) return;
  if (most <= 0.3) {  // a Poisson process of this intensity over [0, n), thinned to each mean
    for_each_block_of(most, n, [&](int64_t begin, int64_t size, uint32_t lane) {
      Stream stream(key, step, kPoisson, lane);
      for (double x = 0.0;;) {
        x -= std::log(stream.uniform()) / most;
        if (!(x < static_cast<double>(size))) return;
        const int64_t i = begin + static_cast<int64_t>(x);
        if (one_mean || stream.uniform() * most <= static_cast<double>(mean[i])) add(i, 1);
      }
    });
    return;
  }
  if (one_mean && most <= 100.0 && n >= 64) return poisson_table(most, n, Stream(key, step, kPoisson), add);
  if (!one_mean && most <= 4.0 && n >= 64) {  // drawn for the largest mean, each event kept with the ratio to it
    return poisson_table(most, n, Stream(key, step, kPoisson), [&](int64_t i, uint32_t count) {
      const double ratio = static_cast<double>(mean[i]) / most;
      if (count == 0 || !(ratio > 0.0)) return;
      uint32_t kept = count;
      if (ratio < 1.0) {
        Stream chance(key, step, kThinning, static_cast<uint32_t>(i) + 1);
        for (uint32_t q = 0; q < count; ++q) kept -= chance.uniform() > ratio;
      }
      add(i, kept);
    });
  }
  for (int64_t i = 0; i < n; ++i)
    if (const int64_t count = poisson_one(static_cast<double>(mean[one_mean ? 0 : i]), key, step, i)) add(i, count);
}

// Operands that begin with `first`: key, step, mean or probability (one, or one each).
ffi::DataType check_draw(Check& check, int64_t first, int64_t n) {
  check.operand(first, 2, ffi::DataType::U32);
  check.operand(first + 1, 1, ffi::DataType::U32);
  const ffi::DataType real = check.real(first + 2);
  check.one_or_each(first + 2, n, real);
  return real;
}

ffi::DataType check_draws(Check& check, int64_t operands, int64_t n) {
  check.arguments(0, operands, 1);
  return check_draw(check, 0, n);
}

// Operands: key, step, mean; result: counts.
ffi::Error poisson_counts(const Call& call) {
  Check check(call, 0);
  check.arguments(0, 3, 1);
  if (!check) return check.error();
  const Operand key = call.operand(0), step = call.operand(1), mean = call.operand(2), counts = call.result(0);
  const ffi::DataType real = check_draws(check, 3, counts.size()), type = counts.type();
  const bool whole = type == ffi::DataType::S32 || type == ffi::DataType::S64;
  check.that(whole || type == ffi::DataType::F32 || type == ffi::DataType::F64, "result", 0, "has another element type");
  check.result(0, counts.size(), type);
  if (!check) return check.error();
  with_real(real, [&](auto zero) {
    using T = decltype(zero);
    const auto fill = [&](auto none) {
      using C = decltype(none);
      for (int64_t e = 0; e < call.entries(); ++e) {
        C* const out = counts.at<C>(e);
        std::fill_n(out, counts.size(), C{0});
        poisson(key.at<uint32_t>(e), *step.at<uint32_t>(e), mean.at<T>(e), mean.size() == 1, counts.size(),
                [out](int64_t i, int64_t count) { out[i] += static_cast<C>(count); });
      }
    };
    if (type == ffi::DataType::S32) fill(int32_t{});
    else if (type == ffi::DataType::S64) fill(int64_t{});
    else with_real(type, fill);
  });
  return check.error();
}

// Of the input whose operands (key, step, mean, weight, into) begin with `first`; `into` is a result.
void check_input(const Call& call, Check& check, int64_t first, int64_t result) {
  const int64_t n = call.operand(first + 4).size();
  const ffi::DataType real = check_draw(check, first, n);
  check.one_or_each(first + 3, n, real);
  check.in_place(result, first + 4, n, real);
}

// Adds that input to `into`.
void add_input(const Call& call, int64_t first, int64_t result) {
  const Operand key = call.operand(first), step = call.operand(first + 1), mean = call.operand(first + 2), weight = call.operand(first + 3);
  const Operand into = call.in_place(result, first + 4);
  with_real(into.type(), [&](auto zero) {
    using T = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e) {
      const T* const w = weight.at<T>(e);
      T* const out = into.at<T>(e);
      const auto draw = [&](auto&& add) {  // which is told whole numbers of 32 bits where there are many: these are converted together
        poisson(key.at<uint32_t>(e), *step.at<uint32_t>(e), mean.at<T>(e), mean.size() == 1, into.size(), add);
      };
      if (weight.size() == 1) draw([out, one = *w](int64_t i, auto count) { out[i] += one * static_cast<T>(count); });
      else draw([out, w](int64_t i, auto count) { out[i] += w[i] * static_cast<T>(count); });
    }
  });
}

// Operands: key, step, mean, weight, into; result: into.
ffi::Error poisson_input(const Call& call) {
  Check check(call, 0);
  check.arguments(0, 5, 1);
  if (check) check_input(call, check, 0, 0);
  if (check) add_input(call, 0, 0);
  return check.error();
}

// Operands: those of poisson_input, several times; results: into of each. Own number: how many times.
ffi::Error poisson_inputs(const Call& call, Threads& threads) {
  constexpr int64_t kOfAThread = 1 << 15;  // elements that are worth a thread
  Check check(call, 1);
  if (!check) return check.error();
  const int64_t count = call.number(0);
  check.that(count >= 0 && count <= call.results(), "numbers", 0, "are of more inputs than there are results");
  if (check) check.arguments(0, 5 * count, count);
  int64_t elements = 0;
  for (int64_t k = 0; k < count && check; ++k) {
    check_input(call, check, 5 * k, k);
    elements += call.entries() * call.operand(5 * k + 4).size();
  }
  if (check) threads.for_each(count, threads.up_to(elements / kOfAThread), [&](int64_t k) { add_input(call, 5 * k, k); });
  return check.error();
}

template <class T>
void bernoulli(const uint32_t* key, uint32_t step, const T* probability, bool one, int64_t n, bool* out) {
  std::memset(out, 0, n);
  const double most = one ? static_cast<double>(*probability) : largest(probability, n);
  if (!(most > 0.0)) return;
  if (most > 0.2) {
    Stream stream(key, step, kBernoulli);
    for (int64_t i = 0; i < n; ++i)
      out[i] = (static_cast<double>(stream.word()) + 0.5) * 0x1.0p-32 < static_cast<double>(probability[one ? 0 : i]);
    return;
  }
  const double scale = 1.0 / std::log1p(-most);
  for_each_block_of(most, n, [&](int64_t begin, int64_t size, uint32_t lane) {
    Stream stream(key, step, kBernoulli, lane);
    for (double x = 0.0;; x += 1.0) {
      x += std::floor(std::log(stream.uniform()) * scale);
      if (!(x < static_cast<double>(size))) return;
      const int64_t i = begin + static_cast<int64_t>(x);
      out[i] = one || stream.uniform() * most <= static_cast<double>(probability[i]);
    }
  });
}

// Operands: key, step, probability; result: spikes.
ffi::Error bernoulli_spikes(const Call& call) {
  Check check(call, 0);
  check.arguments(0, 3, 1);
  if (!check) return check.error();
  const Operand key = call.operand(0), step = call.operand(1), probability = call.operand(2), out = call.result(0);
  const ffi::DataType real = check_draws(check, 3, out.size());
  check.result(0, out.size(), ffi::DataType::PRED);
  if (!check) return check.error();
  with_real(real, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e)
      bernoulli(key.at<uint32_t>(e), *step.at<uint32_t>(e), probability.at<T>(e), probability.size() == 1, out.size(),
                out.at<bool>(e));
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(poisson_counts, brainsim::poisson_counts);
BRAINSIM_HANDLER(poisson_input, brainsim::poisson_input);
BRAINSIM_HANDLER_ON_THREADS(poisson_inputs, brainsim::poisson_inputs);
BRAINSIM_HANDLER(bernoulli_spikes, brainsim::bernoulli_spikes);
