// Spikes under way to synapses that each have their own delay, where the rows are sorted by delay.
//
// What is kept is when neurons fired: of each, one bit for each of the last steps, in slots that step n is n modulo their
// number; and one bit for neurons of which anything is under way. A spike `age` steps old reaches the synapses
// begins[i][age - 1] to begins[i][age] of its row, which lie behind each other. Nothing waits in a buffer of floats, which
// would be read and written at random: here random are only a row's beginning and the targets, which stay in the cache.
#ifndef BRAINSIM_CALENDAR_H_
#define BRAINSIM_CALENDAR_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "ask.h"
#include "call.h"
#include "check.h"
#include "connectivity.h"
#include "contract.h"
#include "half.h"

namespace brainsim {

// The slot of a step, which may be before the first one.
inline int64_t slot_of(int64_t step, int64_t slots) {
  const int64_t slot = step % slots;
  return slot < 0 ? slot + slots : slot;
}

struct Calendar {
  const int32_t* begins;  // [n_pre, depth + 1]: of neuron i's row, the first synapse whose delay is longer than d steps
  int64_t n_pre, depth, words;
  uint32_t now;  // slot of this step
  int64_t step;

  int64_t slots() const { return 32 * words; }
  int64_t waiting_words() const { return (n_pre + 31) / 32; }

  void mark(const int32_t* ids, int count, uint32_t* fired, uint32_t* waiting) const {
    for (int k = 0; k < count; ++k) {
      fired[ids[k] * words + now / 32] |= 1u << now % 32;
      waiting[ids[k] / 32] |= 1u << ids[k] % 32;
    }
  }

  // Neurons of which nothing is under way any more wait no longer.
  void rest(const std::vector<int32_t>& neurons, const uint32_t* fired, uint32_t* waiting) const {
    for (const int32_t i : neurons) {
      const uint32_t* const own = fired + i * words;
      if (std::all_of(own, own + words, [](uint32_t bits) { return bits == 0; })) waiting[i / 32] &= ~(1u << i % 32);
    }
    if (n_pre % 32) waiting[n_pre / 32] &= (1u << n_pre % 32) - 1;  // what is behind is of no neuron
  }

  // The neurons of which anything is under way; `first` and `last` are words of 32 neurons each.
  void list(const uint32_t* waiting, int64_t first, int64_t last, std::vector<int32_t>& neurons) const {
    neurons.clear();
    for (int64_t w = first; w < last; ++w)
      for (uint32_t bits = waiting[w]; bits; bits &= bits - 1) {
        const int64_t i = 32 * w + __builtin_ctz(bits);
        if (i < n_pre) neurons.push_back(static_cast<int32_t>(i));
      }
  }
};

// Synapses of a neuron that lie behind each other and are reached now.
struct Segment {
  int32_t begin, count, neuron;
};

// A spike that is under way.
struct UnderWay {
  const int32_t* begin;  // where its segment begins and, behind it, ends
  int32_t neuron, slot;
  int32_t left;  // steps after this one in which it may reach anything
};

// Calls f(age, slot) for the spikes of a neuron, the last one first; ages are 1 to the number of slots.
template <class F>
inline void for_each_age(const uint32_t* fired, int64_t words, uint32_t now, F&& f) {
  const int64_t slots = 32 * words, last = (now + slots - 1) % slots, word = last / 32;
  const auto bits_of = [&](uint32_t bits, int64_t w) {
    while (bits) {
      const int64_t slot = 32 * w + 31 - __builtin_clz(bits);
      bits ^= 1u << slot % 32;
      f(static_cast<int32_t>((last - slot + slots) % slots + 1), static_cast<int32_t>(slot));
    }
  };
  const uint32_t upto = last % 32 == 31 ? ~0u : (1u << (last % 32 + 1)) - 1;  // slots of this word that come before now
  bits_of(fired[word] & upto, word);
  for (int64_t w = word; w-- > 0;) bits_of(fired[w], w);
  for (int64_t w = words; --w > word;) bits_of(fired[w], w);
  bits_of(fired[word] & ~upto, word);
}

// Lists the segments that are reached now, by neuron, the last spike first; forgets spikes that will reach nothing more.
class Agenda {
 public:
  std::vector<Segment> segments;

  template <bool kForget>
  void add(const Calendar& at, uint32_t* fired, uint32_t* waiting) {
    add<kForget>(at, fired, waiting, 0, at.waiting_words());
  }

  // Of the neurons of some words.
  template <bool kForget>
  void add(const Calendar& at, uint32_t* fired, uint32_t* waiting, int64_t first, int64_t last) {
    find<kForget>(at, fired, waiting, first, last);
    for (const UnderWay& spike : spikes_) {
      const int32_t begin = spike.begin[0], end = spike.begin[1];
      if (begin < end) segments.push_back({begin, end - begin, spike.neuron});
      if constexpr (kForget)
        if (spike.left == 0 || (begin == end && spike.begin[1 + spike.left] == end)) forget(at, spike, fired);
    }
    if constexpr (kForget) at.rest(neurons_, fired, waiting);
  }

  // Calls f(begin, count, neuron, age) for what is reached now: nothing is forgotten.
  template <class F>
  void for_each(const Calendar& at, uint32_t* fired, const uint32_t* waiting, F&& f) {
    find<false>(at, fired, waiting, 0, at.waiting_words());
    for (const UnderWay& spike : spikes_)
      if (spike.begin[0] < spike.begin[1]) f(spike.begin[0], spike.begin[1] - spike.begin[0], spike.neuron, at.depth - spike.left);
  }

  // Forgets spikes that reach nothing, now or later: what is reached now is added afterwards.
  void forget(const Calendar& at, uint32_t* fired, uint32_t* waiting) {
    find<true>(at, fired, waiting, 0, at.waiting_words());
    for (const UnderWay& spike : spikes_)  // most reach something now: where their rows end is not looked at
      if (spike.begin[0] == spike.begin[1] && spike.begin[0] == spike.begin[1 + spike.left]) forget(at, spike, fired);
    at.rest(neurons_, fired, waiting);
  }

 private:
  void forget(const Calendar& at, const UnderWay& spike, uint32_t* fired) const {
    fired[spike.neuron * at.words + spike.slot / 32] &= ~(1u << spike.slot % 32);
  }

  // The spikes under way of the neurons of some words.
  template <bool kForget>
  void find(const Calendar& at, uint32_t* fired, const uint32_t* waiting, int64_t first, int64_t last) {
    constexpr int64_t kAhead = 8;
    at.list(waiting, first, last, neurons_);
    spikes_.clear();
    const int64_t n = static_cast<int64_t>(neurons_.size());
    for (int64_t k = 0; k < n; ++k) {
      if (k + kAhead < n) ask_line(fired + neurons_[k + kAhead] * at.words);
      const int32_t i = neurons_[k];
      const int32_t* const row = at.begins + i * (at.depth + 1);
      uint32_t* const own = fired + i * at.words;
      for_each_age(own, at.words, at.now, [&](int32_t age, int32_t slot) {
        if (age > at.depth) {  // nobody's
          if constexpr (kForget) own[slot / 32] &= ~(1u << slot % 32);
          return;
        }
        ask_line(row + age);
        spikes_.push_back({row + age - 1, i, slot, static_cast<int32_t>(at.depth - age)});
      });
    }
  }

  std::vector<int32_t> neurons_;
  std::vector<UnderWay> spikes_;
};

// How many segments ahead are asked for.
constexpr int64_t kSegmentsAhead = 12;

// f(targets, values, count) for each segment, with the next ones on their way from memory; `values` may be none.
template <class Index, class T, class F>
inline void for_each_segment(const std::vector<Segment>& segments, const Index* targets, T* values, F&& f) {
  const int64_t n = static_cast<int64_t>(segments.size());
  const auto ask_for = [&](int64_t k) {
    ask(targets + segments[k].begin, segments[k].count);
    if (values) ask(values + segments[k].begin, segments[k].count);
  };
  for (int64_t k = 0; k < n && k < kSegmentsAhead; ++k) ask_for(k);
  for (int64_t k = 0; k < n; ++k) {
    if (k + kSegmentsAhead < n) ask_for(k + kSegmentsAhead);
    f(targets + segments[k].begin, values ? values + segments[k].begin : values, segments[k].count);
  }
}

// into[post] += W over the segments.
template <class Index, class W, class T>
void add_segments(const std::vector<Segment>& segments, const Index* targets, const W* weight, bool one_weight, T* __restrict into) {
  thread_local Widened<W> wide;
  for_each_segment(segments, targets, one_weight ? nullptr : weight, [=](const Index* to, const W* weights, int64_t count) {
    if (one_weight)
      for (int64_t q = 0; q < count; ++q) into[to[q]] += *weight;
    else
      for (const auto *w = wide.of(weights, count), *const end = w + count; w < end; ++w, ++to) into[*to] += *w;
  });
}

// Calls f(connectivity, calendar) where the call has rows and a calendar of them: shared arrays, from `shared` on, are those of
// the connectivity, where segments begin, and the step; numbers, from `number` on, those of the connectivity, depth and words.
template <class F>
void with_calendar(const Call& call, Check& check, int64_t number, int64_t shared, F&& f) {
  using Numbers = brainsim::shared::Calendar;
  with_connectivity(call, check, number, shared, [&](const auto& conn) {
    const int64_t own = number + brainsim::shared::Connectivity::size, arrays = shared + conn.arrays;
    check.numbers(own + Numbers::size);
    if (!check) return;
    const int64_t depth = call.number(own + Numbers::depth), words = call.number(own + Numbers::words);
    check.that(depth > 0 && words > 0 && depth <= 32 * words, "numbers", own, "are of no calendar");
    check.shared(arrays, conn.n_pre * (depth + 1), ffi::DataType::S32);
    check.shared(arrays + 1, 1, ffi::DataType::S32);
    if (!check) return;
    const int64_t step = *call.shared<int32_t>(arrays + 1), now = slot_of(step, 32 * words);
    f(conn, Calendar{call.shared<int32_t>(arrays), conn.n_pre, depth, words, static_cast<uint32_t>(now), step});
  });
}

}  // namespace brainsim

#endif  // BRAINSIM_CALENDAR_H_
