// Formats and addresses: which synapses a presynaptic neuron has, and where each one's target value lies.
//
// A format is a class with n_pre, n_post, the rows begin(i) to end(i) of synapse positions, target(i, k), the number of
// `synapses`, and `arrays`, the number of shared arguments that it takes. Rows, and targets of a row or of some synapses, can be
// asked for before they are read. The kernels are templates over it.
#ifndef BRAINSIM_CONNECTIVITY_H_
#define BRAINSIM_CONNECTIVITY_H_

#include <algorithm>
#include <cstdint>

#include "ask.h"
#include "call.h"
#include "check.h"

namespace brainsim {

template <class Index>
struct Csr {
  static constexpr int arrays = 2;
  int64_t n_pre, n_post, synapses;
  const int32_t* indptr;
  const Index* indices;
  int64_t begin(int64_t i) const { return indptr[i]; }
  int64_t end(int64_t i) const { return indptr[i + 1]; }
  int64_t target(int64_t, int64_t k) const { return indices[k]; }
  void ask_row(int64_t i) const { ask_line(indptr + i); }
  void ask_targets(int64_t i) const { ask_targets(begin(i), end(i) - begin(i)); }
  void ask_targets(int64_t k, int64_t count) const { ask(indices + k, count); }
};

template <class Index>
struct FixedFanOut {
  static constexpr int arrays = 1;
  int64_t n_pre, n_post, synapses;
  int64_t fan_out;
  const Index* indices;
  int64_t begin(int64_t i) const { return i * fan_out; }
  int64_t end(int64_t i) const { return (i + 1) * fan_out; }
  int64_t target(int64_t, int64_t k) const { return indices[k]; }
  void ask_row(int64_t) const {}
  void ask_targets(int64_t i) const { ask_targets(begin(i), fan_out); }
  void ask_targets(int64_t k, int64_t count) const { ask(indices + k, count); }
};

struct OneToOne {
  static constexpr int arrays = 0;
  int64_t n_pre, n_post, synapses;
  int64_t begin(int64_t i) const { return i; }
  int64_t end(int64_t i) const { return i + 1; }
  int64_t target(int64_t i, int64_t) const { return i; }
  void ask_row(int64_t) const {}
  void ask_targets(int64_t) const {}
  void ask_targets(int64_t, int64_t) const {}
};

struct Dense {
  static constexpr int arrays = 0;
  int64_t n_pre, n_post, synapses;
  int64_t begin(int64_t i) const { return i * n_post; }
  int64_t end(int64_t i) const { return (i + 1) * n_post; }
  int64_t target(int64_t i, int64_t k) const { return k - i * n_post; }
  void ask_row(int64_t) const {}
  void ask_targets(int64_t) const {}
  void ask_targets(int64_t, int64_t) const {}
};

// Calls f with the connectivity whose numbers and shared arrays begin at these positions, where they fit.
template <class F>
void with_connectivity(const Call& call, Check& check, int64_t number, int64_t shared, F&& f) {
  using Numbers = brainsim::shared::Connectivity;
  using Layout = brainsim::shared::Layout;
  check.numbers(number + Numbers::size);
  if (!check) return;
  const int64_t n_pre = call.number(number + Numbers::n_pre), n_post = call.number(number + Numbers::n_post);
  const int64_t fan_out = call.number(number + Numbers::fan_out), layout = call.number(number + Numbers::layout);
  check.that(n_pre >= 0 && n_post >= 0 && fan_out >= 0, "numbers", number, "of neurons are negative");
  const auto csr = [&](auto zero, ffi::DataType type) {
    using Index = decltype(zero);
    check.shared(shared, n_pre + 1, ffi::DataType::S32);
    check.shared(shared + 1, -1, type);
    if (!check) return;
    const int64_t synapses = static_cast<int64_t>(call.shared_buffer(shared + 1).element_count());
    f(Csr<Index>{n_pre, n_post, synapses, call.shared<int32_t>(shared), call.shared<Index>(shared + 1)});
  };
  const auto fixed = [&](auto zero, ffi::DataType type) {
    using Index = decltype(zero);
    check.shared(shared, n_pre * fan_out, type);
    if (check) f(FixedFanOut<Index>{n_pre, n_post, n_pre * fan_out, fan_out, call.shared<Index>(shared)});
  };
  switch (layout) {
    case Layout::CSR: return csr(int32_t{}, ffi::DataType::S32);
    case Layout::CSR_16: return csr(uint16_t{}, ffi::DataType::U16);
    case Layout::FIXED_FAN_OUT: return fixed(int32_t{}, ffi::DataType::S32);
    case Layout::FIXED_FAN_OUT_16: return fixed(uint16_t{}, ffi::DataType::U16);
    case Layout::ONE_TO_ONE:
      check.that(n_pre == n_post, "numbers", number, "of neurons differ from side to side");
      if (check) f(OneToOne{n_pre, n_post, n_pre});
      return;
    case Layout::DENSE:
      if (check) f(Dense{n_pre, n_post, n_pre * n_post});
      return;
  }
  check.that(false, "numbers", number, "name a format that has no kernel");
}

// Where synapse k finds target j: in an array over postsynaptic neurons ...
struct AtTarget {
  int64_t operator()(int64_t j, int64_t) const { return j; }
};

// ... or in a ring [depth, n_post], `delay[k]` slots after the present one. A delay outside the ring wraps around.
struct InRing {
  const int32_t* delay;
  uint32_t now;
  uint32_t depth;
  int64_t n_post;
  int64_t operator()(int64_t j, int64_t k) const {
    const uint32_t ahead = now + static_cast<uint32_t>(delay[k]);
    uint32_t slot = std::min(ahead, ahead - depth);  // below 0 is a large number: no branch on what nobody can foresee
    if (slot >= depth) slot %= depth;
    return static_cast<int64_t>(slot) * n_post + j;
  }
};

// An address before the step is known. Handlers pass it on as it is: `here` belongs into the kernel, where the step can be
// read.
struct Targets {
  AtTarget here() const { return {}; }
};

struct Ring {
  const int32_t* delay;
  const int32_t* step;
  int64_t depth, n_post;
  InRing here() const {
    const int64_t wrapped = *step % depth;
    return {delay, static_cast<uint32_t>(wrapped < 0 ? wrapped + depth : wrapped), static_cast<uint32_t>(depth), n_post};
  }
};

// Whether the rows of a format are lists of targets.
template <class Conn>
constexpr bool kHasRows = false;
template <class Index>
constexpr bool kHasRows<Csr<Index>> = true;
template <class Index>
constexpr bool kHasRows<FixedFanOut<Index>> = true;

}  // namespace brainsim

#endif  // BRAINSIM_CONNECTIVITY_H_
