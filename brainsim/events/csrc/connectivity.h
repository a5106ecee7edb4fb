// Formats and addresses: which synapses a presynaptic neuron has, and where each one's target value lies.
//
// A format is a class with n_pre, the rows begin(i) to end(i) of synapse positions, target(i, k), and `arrays`, the
// number of shared arguments that it takes. The kernels are templates over it.
#ifndef BRAINSIM_CONNECTIVITY_H_
#define BRAINSIM_CONNECTIVITY_H_

#include <cstdint>

#include "call.h"

namespace brainsim {

// Asks for the cache lines of the first targets of a row: rows of large networks lie in main memory, and spikes jump
// from one to another.
template <class Index>
inline void prefetch(const Index* from, int64_t count) {
#if defined(__GNUC__) || defined(__clang__)
  constexpr int64_t kLine = 64 / sizeof(Index), kMost = 8 * kLine;
  for (int64_t k = 0; k < count && k < kMost; k += kLine) __builtin_prefetch(from + k);
#endif
}

template <class Index>
struct Csr {
  static constexpr int arrays = 2;
  int64_t n_pre;
  const int32_t* indptr;
  const Index* indices;
  int64_t begin(int64_t i) const { return indptr[i]; }
  int64_t end(int64_t i) const { return indptr[i + 1]; }
  int64_t target(int64_t, int64_t k) const { return indices[k]; }
  void prefetch_row(int64_t i) const { prefetch(indptr + i, 2); }
  void prefetch_targets(int64_t i) const { prefetch(indices + begin(i), end(i) - begin(i)); }
};

template <class Index>
struct FixedFanOut {
  static constexpr int arrays = 1;
  int64_t n_pre;
  int64_t fan_out;
  const Index* indices;
  int64_t begin(int64_t i) const { return i * fan_out; }
  int64_t end(int64_t i) const { return (i + 1) * fan_out; }
  int64_t target(int64_t, int64_t k) const { return indices[k]; }
  void prefetch_row(int64_t) const {}
  void prefetch_targets(int64_t i) const { prefetch(indices + begin(i), fan_out); }
};

struct OneToOne {
  static constexpr int arrays = 0;
  int64_t n_pre;
  int64_t begin(int64_t i) const { return i; }
  int64_t end(int64_t i) const { return i + 1; }
  int64_t target(int64_t i, int64_t) const { return i; }
  void prefetch_row(int64_t) const {}
  void prefetch_targets(int64_t) const {}
};

struct Dense {
  static constexpr int arrays = 0;
  int64_t n_pre;
  int64_t n_post;
  int64_t begin(int64_t i) const { return i * n_post; }
  int64_t end(int64_t i) const { return (i + 1) * n_post; }
  int64_t target(int64_t i, int64_t k) const { return k - i * n_post; }
  void prefetch_row(int64_t) const {}
  void prefetch_targets(int64_t) const {}
};

// The operation's own numbers begin with: format, n_pre, n_post, fan out (FixedFanOut only).
constexpr int kConnectivityNumbers = 4;

// The connectivity whose numbers and shared arrays begin at these positions.
template <class F>
bool with_connectivity(const Call& call, int64_t number, int64_t shared, F&& f) {
  const int64_t n_pre = call.number(number + 1);
  switch (call.number(number)) {
    case 0: return f(Csr<int32_t>{n_pre, call.shared<int32_t>(shared), call.shared<int32_t>(shared + 1)});
    case 1: return f(FixedFanOut<int32_t>{n_pre, call.number(number + 3), call.shared<int32_t>(shared)});
    case 4: return f(Csr<uint16_t>{n_pre, call.shared<int32_t>(shared), call.shared<uint16_t>(shared + 1)});
    case 5: return f(FixedFanOut<uint16_t>{n_pre, call.number(number + 3), call.shared<uint16_t>(shared)});
    case 2: return f(OneToOne{n_pre});
    case 3: return f(Dense{n_pre, call.number(number + 2)});
  }
  return false;
}

template <class F>
bool with_connectivity(const Call& call, F&& f) {
  return with_connectivity(call, 0, 0, f);
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
  InRing(const int32_t* delay, int32_t step, int64_t depth, int64_t n_post)
      : delay(delay), depth(static_cast<uint32_t>(depth)), n_post(n_post) {
    const int64_t wrapped = step % depth;
    now = static_cast<uint32_t>(wrapped < 0 ? wrapped + depth : wrapped);
  }
  int64_t operator()(int64_t j, int64_t k) const {
    uint32_t slot = now + static_cast<uint32_t>(delay[k]);
    if (slot >= depth) {
      slot -= depth;
      if (slot >= depth) slot %= depth;
    }
    return static_cast<int64_t>(slot) * n_post + j;
  }
};

}  // namespace brainsim

#endif  // BRAINSIM_CONNECTIVITY_H_
