// Rows of several deliveries, which are added when all have been asked for: large networks have their synapses in main memory,
// and a spike has few in each of its projections. Sums are made in the order in which rows were put in.
#ifndef BRAINSIM_GATHER_H_
#define BRAINSIM_GATHER_H_

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "calendar.h"
#include "contract.h"
#include "registers.h"

namespace brainsim {

// into[to] += scale, or scale times a weight of each, over the targets of a row.
template <bool kOne, class Index, class W, class T>
BRAINSIM_INLINE void add_targets(const Index* to, const W* weight, int64_t count, T scale, T* __restrict into) {
  int64_t q = 0;
  const auto one = [&](int64_t k) BRAINSIM_INLINED { into[to[k]] += kOne ? scale : scale * weight[k]; };
  for (; q + 4 <= count; q += 4) one(q), one(q + 1), one(q + 2), one(q + 3);
  for (; q < count; ++q) one(q);
}

class Rows {
 public:
  static constexpr int64_t kAhead = 32;  // rows that are asked for before one is added
  static constexpr int64_t kLong = 512;  // bytes of a row that are asked for: those behind are read as they come
  static constexpr size_t kMost = 2048;  // neurons that are put in before all of theirs are added

  // Neurons of which something is delivered; valid for `put` until others come.
  void neurons(const int32_t* ids, int count) {
    if (some_.empty()) neurons_.clear();
    first_ = neurons_.size(), count_ = count;
    neurons_.insert(neurons_.end(), ids, ids + count);
  }

  // The rows of these neurons, with their spikes, where they are added.
  template <class Conn, class S, class W, class T>
  void put(const Conn& conn, const S* spikes, const W* weight, bool one, T* into) {
    if (count_ == 0) return;
    for (size_t k = 0; k < count_; ++k) conn.ask_row(neurons_[first_ + k]);
    some_.push_back({&conn, spikes, weight, into, first_, count_, !one, &find<Conn, W>, one ? &add<true, Conn, S, W, T> : &add<false, Conn, S, W, T>});
  }

  bool full() const { return neurons_.size() >= kMost; }

  void add_all() {
    if (some_.empty()) return;
    size_t n = 0;
    for (const Some& some : some_) n += some.count;
    if (rows_.size() < n) rows_.resize(n);
    Row* row = rows_.data();
    for (const Some& some : some_) some.find(neurons_.data() + some.first, some, row), row += some.count;
    const Row* const end = row;
    row = rows_.data();
    for (int64_t k = 0; k < kAhead && row + k < end; ++k) ask_for(row[k]);
    for (const Some& some : some_) some.add(some, row, end), row += some.count;
    some_.clear();
  }

 private:
  struct Row {
    const char* targets;
    const char* weights;  // of each synapse, or none
    int64_t count;
    int32_t neuron, bytes, weight_bytes;  // to be asked for
  };

  struct Some {
    const void* conn;
    const void* spikes;
    const void* weight;
    void* into;
    size_t first, count;
    bool weight_of_each;
    void (*find)(const int32_t* neurons, const Some&, Row*);
    void (*add)(const Some&, const Row*, const Row* end);
  };

  static void ask_for(const Row& row) {
    ask(row.targets, row.bytes);
    if (row.weights) ask(row.weights, row.weight_bytes);
  }

  // Each field is written where it belongs: a row that is put together elsewhere and copied in wide pieces has to wait for its fields.
  template <class Conn, class W>
  static void find(const int32_t* neurons, const Some& some, Row* row) {
    const Conn& conn = *static_cast<const Conn*>(some.conn);
    const W* const weight = static_cast<const W*>(some.weight);
    const auto bytes = [](int64_t count, size_t each) { return static_cast<int32_t>(std::min<int64_t>(count * each, kLong)); };
    for (const Row* const last = row + some.count; row < last; ++row, ++neurons) {
      const int64_t begin = conn.begin(*neurons), count = conn.end(*neurons) - begin;
      row->targets = reinterpret_cast<const char*>(conn.indices + begin);
      row->weights = some.weight_of_each ? reinterpret_cast<const char*>(weight + begin) : nullptr;
      row->count = count;
      row->neuron = *neurons;
      row->bytes = bytes(count, sizeof(*conn.indices)), row->weight_bytes = bytes(count, sizeof(W));
    }
  }

  template <bool kOne, class Conn, class S, class W, class T>
  static void add(const Some& some, const Row* row, const Row* end) {
    using Index = std::decay_t<decltype(*static_cast<const Conn*>(some.conn)->indices)>;
    const S* const spikes = static_cast<const S*>(some.spikes);
    T* const into = static_cast<T*>(some.into);
    const T one = kOne ? static_cast<T>(*static_cast<const W*>(some.weight)) : T{1};
    thread_local Widened<W> wide;
    for (const Row* const last = row + some.count; row < last; ++row) {
      if (row + kAhead < end) ask_for(row[kAhead]);
      const T scale = static_cast<T>(spikes[row->neuron]) * one;
      const auto* const weights = kOne ? nullptr : wide.of(reinterpret_cast<const W*>(row->weights), row->count);
      add_targets<kOne>(reinterpret_cast<const Index*>(row->targets), weights, row->count, scale, into);
    }
  }

  std::vector<int32_t> neurons_;
  size_t first_ = 0, count_ = 0;
  std::vector<Some> some_;
  std::vector<Row> rows_;
};

}  // namespace brainsim

#endif  // BRAINSIM_GATHER_H_
