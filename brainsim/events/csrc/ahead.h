// Deliveries to synapses with delays of their own, for a block of steps at a time.
//
// The synapses of a neuron that a spike reaches in successive steps lie behind each other (see calendar.h). So a row is gone
// to once in a block, and what arrives in each of its steps is added up in a slot of its own. Blocks begin at multiples of
// their length. A slot has first what was fired before the block, in the order of the deliveries and of each by neuron, the
// last spike first; then what is fired in it, step by step. What the slots hold can therefore be made again, with the same
// bits, in the middle of a block, from what is under way: they are no state.
#ifndef BRAINSIM_AHEAD_H_
#define BRAINSIM_AHEAD_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "calendar.h"

namespace brainsim {

constexpr int64_t kSteps = shared::Block::STEPS;

inline int64_t place_in_block(int64_t step) { return (step % kSteps + kSteps) % kSteps; }

// Some steps of those that a block has left.
struct Steps {
  int64_t first = 0, end = kSteps;
};

// What a spike reaches in successive steps: from begin[k] to begin[k + 1] those of step k.
struct Course {
  const int32_t* begin;
  int64_t steps;
  Course in(Steps some) const {
    const int64_t first = std::min(some.first, steps);
    return {begin + first, std::min(some.end, steps) - first};
  }
};

class Courses {
 public:
  void clear() { courses_.clear(); }

  // Those of spikes that were fired before the block, from its step `now` on, of the neurons in some words of `waiting`. At its
  // first step spikes that reach nothing more are forgotten.
  void add_earlier(const Calendar& at, int64_t now, uint32_t* fired, uint32_t* waiting, int64_t first, int64_t last) {
    spikes_.clear();
    at.list(waiting, first, last, neurons_);
    for_each_neuron(at, fired, [&](int32_t i, uint32_t* own) {
      const int32_t* const row = at.begins + i * (at.depth + 1);
      for_each_age(own, at.words, at.now, [&](int32_t age, int32_t slot) {
        if (age <= now) return;
        if (age > at.depth) {
          if (now == 0) own[slot / 32] &= ~(1u << slot % 32);
          return;
        }
        ask_line(row + age);
        spikes_.push_back({row + age - 1, own + slot / 32, 1u << slot % 32, static_cast<int32_t>(at.depth - age)});
      });
    });
    const size_t before = courses_.size();
    courses_.resize(before + spikes_.size());
    Course* to = courses_.data() + before;
    for (const Spike& spike : spikes_) {  // without a branch on what is not there yet
      const int64_t steps = std::min<int64_t>(kSteps - now, spike.left + 1);
      *to = {spike.begin, steps};
      to += spike.begin[0] < spike.begin[steps];
    }
    courses_.resize(to - courses_.data());
    if (now) return;
    for (const Spike& spike : spikes_)
      if (spike.begin[0] == spike.begin[spike.left + 1]) *spike.word &= ~spike.bit;
    for (const int32_t i : neurons_) {
      const uint32_t* const own = fired + i * at.words;
      if (std::all_of(own, own + at.words, [](uint32_t bits) { return bits == 0; })) waiting[i / 32] &= ~(1u << i % 32);
    }
    if (at.n_pre % 32 && last == at.waiting_words()) waiting[at.n_pre / 32] &= (1u << at.n_pre % 32) - 1;  // what is behind is of no neuron
  }

  // Those of spikes that were fired `age` steps ago, in the block, from its step `now` on.
  void add_of_age(const Calendar& at, int64_t age, int64_t now, uint32_t* fired, const uint32_t* waiting, int64_t first, int64_t last) {
    if (age > at.depth) return;
    const int64_t slots = at.slots(), slot = (at.now + slots - age) % slots;
    at.list(waiting, first, last, neurons_);
    for_each_neuron(at, fired, [&](int32_t i, const uint32_t* own) {
      if (own[slot / 32] >> slot % 32 & 1) add(at, i, age, kSteps - now);
    });
  }

  // Those of spikes that are fired in step `now` of the block, after it.
  void add_fired(const Calendar& at, int64_t now, const int32_t* ids, int64_t count) {
    for (int64_t k = 0; k < count; ++k) add(at, ids[k], 1, kSteps - 1 - now);
  }

  int64_t size() const { return static_cast<int64_t>(courses_.size()); }

  int64_t synapses() const {
    int64_t all = 0;
    for (const Course& course : courses_) all += course.begin[course.steps] - course.begin[0];
    return all;
  }

  // Asks for the synapses of the courses `from` to `end` in some of their steps.
  template <class Index, class W>
  void ask_for(const Index* targets, const W* weight, bool one_weight, int64_t from, int64_t end, Steps steps) const {
    for (int64_t k = from; k < end; ++k) {
      const Course course = courses_[k].in(steps);
      const int64_t first = course.begin[0], count = course.begin[course.steps] - first;
      ask(targets + first, count);
      if (!one_weight) ask(weight + first, count);
    }
  }

  // slots[k][target] += W in some of their steps k.
  template <class Index, class W, class T>
  void deliver(const Index* targets, const W* weight, bool one_weight, int64_t from, int64_t end, Steps steps, int64_t n_post, T* slots) const {
    thread_local Widened<W> wide;
    const T one = one_weight ? static_cast<T>(*weight) : T{0};
    for (int64_t k = from; k < end; ++k) {
      const Course course = courses_[k].in(steps);
      const int64_t first = course.begin[0];
      const auto* w = one_weight ? nullptr : wide.of(weight + first, course.begin[course.steps] - first);
      const Index* target = targets + first;
      T* to = slots + steps.first * n_post;
      for (int64_t step = 1; step <= course.steps; ++step, to += n_post) {
        const Index* const last = targets + course.begin[step];
        if (one_weight)
          for (; target < last; ++target) to[*target] += one;
        else
          for (; target < last; ++target, ++w) to[*target] += *w;
      }
    }
  }

 private:
  struct Spike {
    const int32_t* begin;
    uint32_t* word;
    uint32_t bit;
    int32_t left;  // steps after this one in which it may reach anything
  };

  template <class F>
  void for_each_neuron(const Calendar& at, uint32_t* fired, F&& f) const {
    constexpr size_t kNeuronsAhead = 8;
    for (size_t k = 0; k < neurons_.size(); ++k) {
      if (k + kNeuronsAhead < neurons_.size()) ask_line(fired + neurons_[k + kNeuronsAhead] * at.words);
      f(neurons_[k], fired + neurons_[k] * at.words);
    }
  }

  void add(const Calendar& at, int32_t i, int64_t age, int64_t most) {
    const int64_t steps = std::min(most, at.depth - age + 1);
    const int32_t* const begin = at.begins + i * (at.depth + 1) + age - 1;
    if (steps > 0 && begin[0] < begin[steps]) courses_.push_back({begin, steps});
  }

  std::vector<int32_t> neurons_;
  std::vector<Spike> spikes_;
  std::vector<Course> courses_;
};

}  // namespace brainsim

#endif  // BRAINSIM_AHEAD_H_
