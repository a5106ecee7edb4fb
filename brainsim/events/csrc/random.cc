// Poisson counts and Bernoulli spikes, reproducible from (key, step). Exact methods only: where events are rare, the
// gaps between them are drawn; where one mean (or a small largest one) serves all, a table is inverted; else each neuron
// has a number of its own (see poisson.h).
#include <algorithm>
#include <cmath>

#include "call.h"
#include "check.h"
#include "lanes.h"
#include "philox.h"
#include "poisson.h"
#include "threads.h"

namespace brainsim {
namespace {

constexpr uint32_t kPoisson = shared::Purpose::POISSON, kBernoulli = shared::Purpose::BERNOULLI;

template <class T>
double largest(const T* x, int64_t n) {
  T best[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int q = 0; q < 8; ++q) best[q] = best[q] < x[i + q] ? x[i + q] : best[q];
  for (; i < n; ++i) best[0] = best[0] < x[i] ? x[i] : best[0];
  return *std::max_element(best, best + 8);
}

// Neurons that have 16 to 32 events together at the largest mean or probability: where events are rare, each such block has a
// stream of its own, so that threads of a GPU can draw them beside each other (see events/cuda/src/random.cuh).
int64_t block_of(double most) {
  int exponent;
  std::frexp(most, &exponent);  // of a fraction from 1/2 to below 1
  return exponent - 1 < -26 ? int64_t{1} << 30 : int64_t{1} << (5 - exponent);
}

// A part of so many of what there is to draw.
struct Share {
  int64_t part = 0, parts = 1;
  int64_t first(int64_t n, int64_t together) const { return first_of(part, n, together); }
  int64_t end(int64_t n, int64_t together) const { return std::min(n, first_of(part + 1, n, together)); }

 private:
  int64_t first_of(int64_t k, int64_t n, int64_t together) const { return (n + together - 1) / together * k / parts * together; }
};

// Calls f(begin, end, lane) for the blocks of n neurons.
template <class F>
void for_each_block_of(double most, int64_t n, Share share, F&& f) {
  const int64_t size = block_of(most), end = share.end(n, size);
  for (int64_t begin = share.first(n, size); begin < end; begin += size)
    f(begin, std::min(size, n - begin), static_cast<uint32_t>(begin / size));
}

// Calls add(i, count) with counts that sum to a Poisson number of the given mean for each i; silent ones are left out.
template <class T, class F>
void poisson(const uint32_t* key, uint32_t step, const T* mean, bool one_mean, int64_t n, Share share, F&& add) {
  const double most = one_mean ? static_cast<double>(*mean) : largest(mean, n);
  if (!(most > 0.0)) return;
  if (most <= 0.3) {  // a Poisson process of this intensity over [0, n), thinned to each mean
    for_each_block_of(most, n, share, [&](int64_t begin, int64_t size, uint32_t lane) {
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
  const auto in_blocks_of = [&](int64_t together, auto&& draw) {  // numbers of neurons from `begin` on; also zero: a branch would cost more
    const int64_t end = share.end(n, together);
    for (int64_t begin = share.first(n, together); begin < end; begin += together) {
      const int size = static_cast<int>(std::min(together, n - begin));
      const auto* const counts = draw(begin, size);
      for (int q = 0; q < size; ++q) add(begin + q, counts[q]);
    }
  };
  alignas(64) double each[kThinned];
  if (n < kTogether || most > (one_mean ? 100.0 : 4.0))
    return in_blocks_of(kTogether, [&](int64_t begin, int size) {
      poisson_each(key, step, begin, size, [&](int q) { return static_cast<double>(mean[one_mean ? 0 : begin + q]); }, each);
      return each;
    });
  const PoissonTable table(most);
  alignas(64) int32_t counts[kThinned];
  const auto draw_table = [&](int64_t begin, int size) {
    for (int q = 0; q < size; q += kTogether) table.draw(key, {0, step, kPoisson}, static_cast<uint32_t>((begin + q) / 4), counts + q);
    return counts;
  };
  if (one_mean) return in_blocks_of(kTogether, draw_table);
  in_blocks_of(kThinned, [&](int64_t begin, int size) {  // drawn for the largest mean, each event kept with the ratio to it
    thin(key, step, begin, size, mean + begin, most, draw_table(begin, size), each);
    return each;
  });
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
        poisson(key.at<uint32_t>(e), *step.at<uint32_t>(e), mean.at<T>(e), mean.size() == 1, counts.size(), {},
                [out](int64_t i, auto count) { out[i] += static_cast<C>(count); });
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

// Adds that input to `into`, of a share of the neurons.
void add_input(const Call& call, int64_t first, int64_t result, Share share) {
  const Operand key = call.operand(first), step = call.operand(first + 1), mean = call.operand(first + 2), weight = call.operand(first + 3);
  const Operand into = call.in_place(result, first + 4);
  with_real(into.type(), [&](auto zero) {
    using T = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e) {
      const T* const w = weight.at<T>(e);
      T* const out = into.at<T>(e);
      const auto draw = [&](auto&& add) {  // which is told numbers that are converted together where there are many
        poisson(key.at<uint32_t>(e), *step.at<uint32_t>(e), mean.at<T>(e), mean.size() == 1, into.size(), share, add);
      };
      if (weight.size() == 1) draw([out, one = *w](int64_t i, auto count) { out[i] += one * static_cast<T>(count); });
      else draw([out, w](int64_t i, auto count) { out[i] += w[i] * static_cast<T>(count); });
    }
  });
}

// Adds so many inputs.
ffi::Error add_inputs(const Call& call, Check& check, int64_t count, Threads& threads) {
  constexpr double kOfOneMean = 1, kOfEach = 6;  // ns of an element
  if (check) check.arguments(0, 5 * count, count);
  double ns = 0;
  for (int64_t k = 0; k < count && check; ++k) {
    check_input(call, check, 5 * k, k);
    const double elements = static_cast<double>(call.entries() * call.operand(5 * k + 4).size());
    ns += elements * (call.operand(5 * k + 2).size() == 1 ? kOfOneMean : kOfEach);
  }
  if (!check || count == 0) return check.error();
  const int64_t several = threads.up_to(ns), parts = (several + count - 1) / count;
  threads.for_each(count * parts, several, [&](int64_t k) { add_input(call, 5 * (k / parts), k / parts, {k % parts, parts}); });
  return check.error();
}

// Operands: key, step, mean, weight, into; result: into.
ffi::Error poisson_input(const Call& call, Threads& threads) {
  Check check(call, 0);
  return add_inputs(call, check, 1, threads);
}

// Operands: those of poisson_input, several times; results: into of each. Own number: how many times.
ffi::Error poisson_inputs(const Call& call, Threads& threads) {
  Check check(call, 1);
  if (!check) return check.error();
  const int64_t count = call.number(0);
  check.that(count >= 0 && count <= call.results(), "numbers", 0, "are of more inputs than there are results");
  return check ? add_inputs(call, check, count, threads) : check.error();
}

template <class T>
void bernoulli(const uint32_t* key, uint32_t step, const T* probability, bool one, int64_t n, bool* out) {
  std::memset(out, 0, n);
  const double most = one ? static_cast<double>(*probability) : largest(probability, n);
  if (!(most > 0.0)) return;
  if (most > 0.2) {
    uint32_t words[kTogether];
    for (int64_t begin = 0; begin < n; begin += kTogether) {
      draw(key, {0, step, kBernoulli}, static_cast<uint32_t>(begin / 4), words);
      const int64_t size = std::min<int64_t>(kTogether, n - begin);
      for (int64_t q = 0; q < size; ++q)
        out[begin + q] = (static_cast<double>(words[q]) + 0.5) * 0x1.0p-32 < static_cast<double>(probability[one ? 0 : begin + q]);
    }
    return;
  }
  const double scale = 1.0 / std::log1p(-most);
  for_each_block_of(most, n, {}, [&](int64_t begin, int64_t size, uint32_t lane) {
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
BRAINSIM_HANDLER_ON_THREADS(poisson_input, brainsim::poisson_input);
BRAINSIM_HANDLER_ON_THREADS(poisson_inputs, brainsim::poisson_inputs);
BRAINSIM_HANDLER(bernoulli_spikes, brainsim::bernoulli_spikes);
