// Handler of T(s, W, v), as in contract.cc, for connectivity that is made anew from a key at every spike. The definition
// is events/procedural.py: targets and weights come from integer arithmetic, so both agree bit for bit.
//
// Shared: key [2]; FixedProbability: thresholds and aliases [2**bits]; OutDegrees: where blocks end in each row [rows, blocks],
// and among targets [blocks + 1]; the table of quantiles where weights are drawn.
// Own numbers: Procedural.
#include <algorithm>
#include <cmath>

#include "call.h"
#include "check.h"
#include "contract.h"
#include "words.h"

namespace brainsim {
namespace {

using shared::Purpose;
using shared::Quantile;
using shared::Role;

constexpr uint32_t kTargets = Purpose::TARGETS, kWeights = Purpose::WEIGHTS;

// A quantile function in fixed point; see Quantiles.
struct Drawn {
  const int32_t* table;
  double unit;
  int32_t at(uint32_t word) const {
    const uint32_t tail = word << 1;
    uint32_t octave = 0;
#if defined(__GNUC__) || defined(__clang__)
    octave = static_cast<uint32_t>(__builtin_clz(tail | 1));
#else
    while (octave < 31 && !((tail | 1) << octave >> 31)) ++octave;
#endif
    const uint32_t place = tail << octave << 1;
    const int32_t* node = table + ((word >> 31) * Quantile::OCTAVES + octave) * (Quantile::SEGMENTS + 1) + (place >> 27);
    const int32_t change = node[1] - node[0];
    const uint32_t size = static_cast<uint32_t>(change < 0 ? -change : change);
    const int32_t moved = static_cast<int32_t>(static_cast<uint64_t>(size) * (place << 5) >> 32);
    return change < 0 ? node[0] - moved : node[0] + moved;
  }
};

struct Range {
  int64_t n_pre, n_post, pre_begin, pre_end, post_begin, post_end;
  bool loops;
  uint32_t size() const { return static_cast<uint32_t>(post_end - post_begin); }
};

// Calls f(count, targets, places) for the synapses of each lot of words; places number them within the lot.
struct FixedProbability {
  const uint32_t* key;
  const uint32_t* threshold;
  const uint32_t* alias;
  uint32_t bits;
  template <class F>
  void row(const Range& range, int64_t i, F&& f) const {
    const uint32_t size = range.size(), escape = (1u << bits) - 1;
    const uint32_t own = range.loops || i < range.post_begin || i >= range.post_end ? size : static_cast<uint32_t>(i - range.post_begin);
    uint32_t words[kWords], targets[kWords];
    uint8_t places[kWords];
    uint32_t at = 0;
    for (uint32_t first = 0; at < size; first += kBlocks) {
      draw(key, static_cast<uint32_t>(i), first, kTargets, words);
      int count = 0;
      for (int q = 0; q < kWords; ++q) {
        const uint32_t column = words[q] >> (32 - bits);
        const uint32_t gap = words[q] << bits < threshold[column] ? column : alias[column];
        at += gap;
        targets[count] = at;
        places[count] = static_cast<uint8_t>(q);
        count += (gap != escape) & (at < size) & (at != own);
        at += gap != escape;
        if (at >= size) break;
      }
      f(first, count, targets, places);
    }
  }
};

// k synapses of row i, whose targets blocks(first, count, f) draws: f(q, stop, begin, end) says that words q to stop - 1 are for
// targets begin to end - 1.
template <class Blocks, class F>
void uniform(const uint32_t* key, const Range& range, int64_t i, uint32_t k, Blocks&& blocks, F&& f) {
  const uint32_t own = range.loops || i < range.post_begin || i >= range.post_end ? range.size() : static_cast<uint32_t>(i - range.post_begin);
  uint32_t words[kWords], targets[kWords];
  uint8_t places[kWords];
  for (int q = 0; q < kWords; ++q) places[q] = static_cast<uint8_t>(q);
  for (uint32_t first = 0; 4 * uint64_t{first} < k; first += kBlocks) {
    const uint32_t left = k - 4 * first;
    const int count = static_cast<int>(left < kWords ? left : kWords);
    draw(key, static_cast<uint32_t>(i), first, kTargets, words);
    blocks(4 * first, count, [&](int q, int stop, uint32_t begin, uint32_t end) {
      const bool excluded = begin <= own && own < end;
      const uint32_t size = end - begin - excluded;
      for (; q < stop; ++q) {
        targets[q] = begin + static_cast<uint32_t>(uint64_t{words[q]} * size >> 32);
        targets[q] += excluded && targets[q] >= own;
      }
    });
    f(first, count, targets, places);
  }
}

struct FixedOutDegree {
  const uint32_t* key;
  uint32_t k;
  template <class F>
  void row(const Range& range, int64_t i, F&& f) const {
    const uint32_t size = range.size();
    if (size == 0) return;
    uniform(key, range, i, k, [=](uint32_t, int count, auto&& targets) { targets(0, count, 0, size); }, f);
  }
};

struct OutDegrees {
  const uint32_t* key;
  const uint32_t* ends;  // of each row's blocks
  const uint32_t* bounds;
  uint32_t blocks;
  template <class F>
  void row(const Range& range, int64_t i, F&& f) const {
    if (blocks == 0) return;
    const uint32_t* const last = ends + (i - range.pre_begin) * blocks;
    uint32_t b = 0;
    const auto in_blocks = [&](uint32_t at, int count, auto&& targets) {
      for (int q = 0; q < count;) {
        while (last[b] <= at + q) ++b;
        const int stop = static_cast<int>(std::min<uint32_t>(count, last[b] - at));
        targets(q, stop, bounds[b], bounds[b + 1]);
        q = stop;
      }
    };
    uniform(key, range, i, last[blocks - 1], in_blocks, f);
  }
};

// Calls f(target, weight) for each synapse of row i.
template <class T, bool kDrawn, class Rule, class F>
inline void for_each_synapse(const Rule& rule, const Range& range, const Drawn& drawn, int64_t i, F&& f) {
  const T unit = static_cast<T>(drawn.unit);
  rule.row(range, i, [&](uint32_t first, int count, const uint32_t* targets, const uint8_t* places) {
    if constexpr (kDrawn) {
      if (count == 0) return;
      uint32_t words[kWords];
      draw(rule.key, static_cast<uint32_t>(i), first, kWeights, words);
      for (int q = 0; q < count; ++q)
        f(range.post_begin + targets[q], static_cast<T>(drawn.at(words[places[q]])) * unit);
    } else {
      for (int q = 0; q < count; ++q) f(range.post_begin + targets[q], T{1});
    }
  });
}

template <class T, bool kDrawn, class Rule>
void run(const Call& call, int64_t towards, const Rule& rule, const Range& range, const Drawn& drawn) {
  const Operand a = call.operand(0), b = call.operand(1), out = call.in_place(0, 2);
  const int64_t begin = range.pre_begin, n = range.pre_end - range.pre_begin;
  if (towards == Role::PRE) {
    for (int64_t e = 0; e < call.entries(); ++e) {
      const T weight = *a.at<T>(e);
      const T* v = b.at<T>(e);
      T* to = out.at<T>(e);
      for (int64_t i = begin; i < begin + n; ++i) {
        T sum{0};
        for_each_synapse<T, kDrawn>(rule, range, drawn, i, [&](int64_t j, T w) { sum += kDrawn ? w * v[j] : v[j]; });
        to[i] += weight * sum;
      }
    }
    return;
  }
  with_spikes<T>(a.type(), [&](auto zero) {
    using S = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e) {
      const S* s = a.at<S>(e) + begin;
      const T* given = b.at<T>(e);
      T* to = out.at<T>(e);
      if (towards == Role::WEIGHT) {
        double total = 0;
        for_each_spike(s, n, [&](int64_t i, S value) {
          T sum{0};
          for_each_synapse<T, kDrawn>(rule, range, drawn, begin + i, [&](int64_t j, T w) { sum += kDrawn ? w * given[j] : given[j]; });
          total += static_cast<double>(static_cast<T>(value)) * sum;
        });
        *to += static_cast<T>(total);
      } else {
        for_each_spike(s, n, [&](int64_t i, S value) {
          const T scale = static_cast<T>(value) * *given;
          for_each_synapse<T, kDrawn>(rule, range, drawn, begin + i, [&](int64_t j, T w) { to[j] += kDrawn ? scale * w : scale; });
        });
      }
    }
  });
}

ffi::Error procedural(const Call& call) {
  using Numbers = shared::Procedural;
  Check check(call, Numbers::size);
  if (!check) return check.error();
  const auto number = [&](int64_t i) { return call.number(i); };
  const Range range{number(Numbers::n_pre), number(Numbers::n_post), number(Numbers::pre_begin), number(Numbers::pre_end),
                    number(Numbers::post_begin), number(Numbers::post_end), number(Numbers::loops) != 0};
  const int64_t towards = number(Numbers::towards), rule = number(Numbers::rule), parameter = number(Numbers::parameter);
  const bool weighted = number(Numbers::weighted) != 0, by_probability = rule == shared::Rule::FIXED_PROBABILITY, in_blocks = rule == shared::Rule::OUT_DEGREES;
  check.that(0 <= range.pre_begin && range.pre_begin <= range.pre_end && range.pre_end <= range.n_pre, "numbers",
             Numbers::pre_begin, "are no range of neurons");
  check.that(0 <= range.post_begin && range.post_begin <= range.post_end && range.post_end <= range.n_post, "numbers",
             Numbers::post_begin, "are no range of neurons");
  check.that(by_probability || in_blocks || rule == shared::Rule::FIXED_OUT_DEGREE, "numbers", Numbers::rule, "name no rule");
  check.that(by_probability ? parameter > 0 && parameter < 32 : parameter >= 0 && parameter <= UINT32_MAX, "numbers",
             Numbers::parameter, "are out of range");
  check.that(towards >= Role::PRE && towards <= Role::POST, "numbers", Numbers::towards, "name no argument");
  const int64_t table = by_probability || in_blocks ? 3 : 1;
  check.arguments(table + weighted, 3, 1);
  check.shared(0, 2, ffi::DataType::U32);
  for (int64_t i = 1; i < table; ++i) {
    const int64_t numbers = in_blocks ? (i == 1 ? (range.pre_end - range.pre_begin) * parameter : parameter + 1) : int64_t{1} << parameter;
    check.shared(i, numbers, ffi::DataType::U32);
  }
  if (weighted) check.shared(table, Quantile::TAILS * Quantile::OCTAVES * (Quantile::SEGMENTS + 1), ffi::DataType::S32);
  const ffi::DataType real = check.real(2);
  if (towards != Role::PRE) check.spikes(0, range.n_pre, real);
  if (towards != Role::WEIGHT) check.operand(towards == Role::PRE ? 0 : 1, 1, real);
  if (towards != Role::POST) check.operand(1, range.n_post, real);
  check.in_place(0, 2, towards == Role::PRE ? range.n_pre : towards == Role::WEIGHT ? 1 : range.n_post, real);
  if (!check) return check.error();
  const Drawn drawn{weighted ? call.shared<int32_t>(table) : nullptr,
                    std::ldexp(1.0, -static_cast<int>(number(Numbers::exponent)))};
  const auto with_rule = [&](const auto& rule) {
    with_real(real, [&](auto zero) {
      using T = decltype(zero);
      if (weighted) run<T, true>(call, towards, rule, range, drawn);
      else run<T, false>(call, towards, rule, range, drawn);
    });
  };
  const uint32_t* key = call.shared<uint32_t>(0);
  if (by_probability)
    with_rule(FixedProbability{key, call.shared<uint32_t>(1), call.shared<uint32_t>(2), static_cast<uint32_t>(parameter)});
  else if (in_blocks)
    with_rule(OutDegrees{key, call.shared<uint32_t>(1), call.shared<uint32_t>(2), static_cast<uint32_t>(parameter)});
  else with_rule(FixedOutDegree{key, static_cast<uint32_t>(parameter)});
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(procedural, brainsim::procedural);
