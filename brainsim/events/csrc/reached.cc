// Synapses that spikes reach, a piece of so many at a time, with what they and their targets have; and what becomes of them.
//
// A cursor says where a piece begins: at a neuron, and behind so many of the synapses that are reached in its row. It is that of
// a synapse that is reached, or the number of neurons and 0 where none is left.
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "ask.h"
#include "calendar.h"
#include "call.h"
#include "check.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

constexpr int64_t kResults = 5;  // of a piece: synapse, target, value, how many, the next cursor; then its arrays

// Calls f with a zero of an unsigned type of so many bytes: elements are carried from place to place, whatever they are.
template <class F>
void with_width(int64_t bytes, F&& f) {
  if (bytes == 1) f(uint8_t{});
  if (bytes == 2) f(uint16_t{});
  if (bytes == 4) f(uint32_t{});
  if (bytes == 8) f(uint64_t{});
}

int64_t width(const Operand& x) { return static_cast<int64_t>(ffi::ByteWidth(x.type())); }

template <class Conn, class V>
class Piece {
 public:
  Piece(const Conn& conn, const int32_t* order, const int32_t* cursor, int64_t room, int32_t* synapse, int32_t* target, V* value)
      : conn_(conn), order_(order), first_(std::max(cursor[0], 0)), passed_(cursor[1]), room_(room), synapse_(synapse),
        target_(target), value_(value), next_neuron_(static_cast<int32_t>(conn.n_pre)) {}

  int64_t first() const { return first_; }
  bool full() const { return full_; }
  int64_t found() const { return found_; }

  // Some places of the row of a neuron, which lie behind so many others that are reached. Neurons come in their order.
  void add(int64_t i, int64_t before, int64_t begin, int64_t count, V value) {
    if (full_ || i < first_) return;
    const int64_t skip = i == first_ ? std::clamp<int64_t>(passed_ - before, 0, count) : 0;
    const int64_t some = std::min(count - skip, room_ - found_);
    for (int64_t q = 0; q < some; ++q) {
      const int64_t k = order_ ? order_[begin + skip + q] : begin + skip + q;
      synapse_[found_ + q] = static_cast<int32_t>(k);
      target_[found_ + q] = static_cast<int32_t>(conn_.target(i, k));
    }
    std::fill_n(value_ + found_, some, value);
    found_ += some;
    if (some == count - skip) return;
    full_ = true, next_neuron_ = static_cast<int32_t>(i), next_before_ = static_cast<int32_t>(before + skip + some);
  }

  // What is left is nothing at the first synapse.
  void close(int32_t* found, int32_t* next) const {
    std::fill(synapse_ + found_, synapse_ + room_, 0);
    std::fill(target_ + found_, target_ + room_, static_cast<int32_t>(conn_.target(0, 0)));
    std::fill(value_ + found_, value_ + room_, V{});
    *found = static_cast<int32_t>(found_), next[0] = next_neuron_, next[1] = next_before_;
  }

 private:
  const Conn& conn_;
  const int32_t* order_;
  int64_t first_, passed_, room_;
  int32_t *synapse_, *target_;
  V* value_;
  int64_t found_ = 0;
  bool full_ = false;
  int32_t next_neuron_, next_before_ = 0;
};

void gather(const Operand& from, const int32_t* at, int64_t found, int64_t room, const Operand& to, int64_t e) {
  with_width(width(from), [&](auto zero) {
    using X = decltype(zero);
    const X* const x = from.at<X>(e);
    X* const y = to.at<X>(e);
    for (int64_t q = 0; q < found; ++q) y[q] = x[at[q]];
    if (found < room) std::fill(y + found, y + room, x[at[found]]);
  });
}

// Lists a piece for each batch entry: `add(e, piece, arrays)` gives it its synapses. Operands from `first` on are the cursor,
// then arrays of synapses and of targets; own numbers from `number` on.
template <class V, class Conn, class F>
void take(const Call& call, Check& check, const Conn& conn, ffi::DataType type, int64_t arrays, int64_t first, int64_t number, F&& add) {
  using Numbers = shared::Take;
  check.numbers(number + Numbers::size);
  if (!check) return;
  const int64_t room = call.number(number + Numbers::room), listed = call.number(number + Numbers::listed);
  const int64_t of_synapses = call.number(number + Numbers::of_synapses), of_targets = call.number(number + Numbers::of_targets);
  check.that(room > 0 && of_synapses >= 0 && of_targets >= 0 && conn.synapses > 0, "numbers", number, "are of no piece");
  if (!check) return;
  const int64_t taken = of_synapses + of_targets;
  check.arguments(arrays + (listed ? 1 : 0), first + 1 + taken, kResults + taken);
  if (listed) check.shared(arrays, conn.synapses, ffi::DataType::S32);
  check.operand(first, 2, ffi::DataType::S32);
  for (int64_t k = 0; k < 2; ++k) check.result(k, room, ffi::DataType::S32);
  check.result(2, room, type);
  check.result(3, 1, ffi::DataType::S32);
  check.result(4, 2, ffi::DataType::S32);
  if (!check) return;
  for (int64_t k = 0; k < taken; ++k) {
    const ffi::DataType type = call.operand(first + 1 + k).type();
    check.operand(first + 1 + k, k < of_synapses ? conn.synapses : conn.n_post, type);
    check.result(kResults + k, room, type);
    if (!check) return;
    const int64_t bytes = width(call.operand(first + 1 + k));
    check.that(bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8, "operand", first + 1 + k, "has elements of another width");
  }
  if (!check) return;
  const Operand cursor = call.operand(first), synapse = call.result(0), target = call.result(1), value = call.result(2);
  const Operand found = call.result(3), next = call.result(4);
  thread_local std::vector<std::pair<const char*, int64_t>> each;  // arrays of synapses, and bytes of their elements
  const int32_t* const order = listed ? call.shared<int32_t>(arrays) : nullptr;
  for (int64_t e = 0; e < call.entries(); ++e) {
    Piece<Conn, V> piece(conn, order, cursor.at<int32_t>(e), room, synapse.at<int32_t>(e), target.at<int32_t>(e), value.at<V>(e));
    each.clear();
    for (int64_t k = 0; k < of_synapses; ++k) {
      const Operand x = call.operand(first + 1 + k);
      each.push_back({x.bytes_at(e), width(x)});
    }
    // What will be read of synapses in these places of a row is asked for while others are listed
    const auto ask_for = [&](int64_t begin, int64_t count) {
      if (order) return ask(order + begin, count);
      conn.ask_targets(begin, count);
      for (const auto& [bytes, width] : each) ask(bytes + begin * width, count * width);
    };
    add(e, piece, ask_for);
    piece.close(found.at<int32_t>(e), next.at<int32_t>(e));
    for (int64_t k = 0; k < taken; ++k)
      gather(call.operand(first + 1 + k), (k < of_synapses ? synapse : target).at<int32_t>(e), piece.found(), room,
             call.result(kResults + k), e);
  }
}

// Operands: spikes, cursor, arrays. Shared: connectivity, and the order of synapses, if any. Own numbers: connectivity, Take.
ffi::Error take_spiking(const Call& call) {
  Check check(call, 0);
  with_connectivity(call, check, 0, 0, [&](const auto& conn) {
    check.that(call.operands() > 0, "operand", 0, "is missing");
    if (!check) return;
    const Operand spikes = call.operand(0);
    const bool real = spikes.type() != ffi::DataType::PRED;
    if (real) check.real(0);
    check.operand(0, conn.n_pre, spikes.type());
    const auto with = [&](auto zero) {
      using S = decltype(zero);
      take<S>(call, check, conn, spikes.type(), conn.arrays, 1, shared::Connectivity::size, [&](int64_t e, auto& piece, const auto& ask_for) {
        constexpr int64_t kTogether = 4096;  // neurons that are looked at before a full piece is closed
        constexpr int kAhead = 4;
        const S* const s = spikes.at<S>(e);
        for (int64_t i = piece.first(); i < conn.n_pre && !piece.full(); i += kTogether)
          for_each_block(s + i, std::min(kTogether, conn.n_pre - i), [&](int32_t* ids, int count) {
            const auto ask_row = [&](int k) { ask_for(conn.begin(i + ids[k]), conn.end(i + ids[k]) - conn.begin(i + ids[k])); };
            for (int k = 0; k < kAhead && k < count && !piece.full(); ++k) ask_row(k);
            for (int k = 0; k < count && !piece.full(); ++k) {
              if (k + kAhead < count) ask_row(k + kAhead);
              const int64_t j = i + ids[k], begin = conn.begin(j);
              piece.add(j, 0, begin, conn.end(j) - begin, s[j]);
            }
          });
      });
    };
    if (!check) return;
    if (real) with_real(spikes.type(), with);
    else with(bool{});
  });
  return check.error();
}

// Operands: fired, waiting, cursor, arrays. Shared: connectivity, begins, step, and the order of synapses, if any. Own numbers:
// connectivity, Calendar, Take.
ffi::Error take_due(const Call& call) {
  Check check(call, 0);
  with_calendar(call, check, 0, 0, [&](const auto& conn, const Calendar& at) {
    check.operand(0, conn.n_pre * at.words, ffi::DataType::U32);
    check.operand(1, at.waiting_words(), ffi::DataType::U32);
    if (!check) return;
    const Operand fired = call.operand(0), waiting = call.operand(1);
    constexpr int64_t kNumber = shared::Connectivity::size + shared::Calendar::size;
    take<bool>(call, check, conn, ffi::DataType::PRED, conn.arrays + 2, 2, kNumber, [&](int64_t e, auto& piece, const auto& ask_for) {
      constexpr int64_t kTogether = 32;  // words that are looked at before a full piece is closed
      thread_local Agenda agenda;        // kept from step to step: to allocate takes as long as to serve a spike
      for (int64_t w = piece.first() / 32; w < at.waiting_words() && !piece.full(); w += kTogether) {
        agenda.segments.clear();
        agenda.add<false>(at, fired.at<uint32_t>(e), waiting.at<uint32_t>(e), w, std::min(w + kTogether, at.waiting_words()));
        const int64_t n = static_cast<int64_t>(agenda.segments.size());
        for (int64_t k = 0, neuron = -1, before = 0; k < n && !piece.full(); ++k) {
          if (k + kSegmentsAhead < n) ask_for(agenda.segments[k + kSegmentsAhead].begin, agenda.segments[k + kSegmentsAhead].count);
          const Segment& segment = agenda.segments[k];
          if (segment.neuron != neuron) neuron = segment.neuron, before = 0;
          piece.add(neuron, before, segment.begin, segment.count, true);
          before += segment.count;
        }
      }
    });
  });
  return check.error();
}

// Operands: synapse, target, how many, what is added to the targets, the array that it is added to, arrays of synapses, what
// they become; results: the former arrays. Own numbers: Put.
ffi::Error put_reached(const Call& call) {
  using Numbers = shared::Put;
  Check check(call, Numbers::size);
  if (!check) return check.error();
  const int64_t room = call.number(Numbers::room), arrays = call.number(Numbers::arrays);
  check.that(room > 0 && arrays >= 0, "numbers", 0, "are of no piece");
  check.arguments(0, 5 + 2 * arrays, 1 + arrays);
  const ffi::DataType real = check.real(4);
  for (int64_t k = 0; k < 2; ++k) check.operand(k, room, ffi::DataType::S32);
  check.operand(2, 1, ffi::DataType::S32);
  check.operand(3, room, real);
  check.in_place(0, 4, call.number(Numbers::n_post), real);
  for (int64_t k = 0; k < arrays && check; ++k) {
    const ffi::DataType type = call.operand(5 + k).type();
    check.in_place(1 + k, 5 + k, call.number(Numbers::n_synapses), type);
    check.operand(5 + arrays + k, room, type);
    if (!check) break;
    const int64_t bytes = width(call.operand(5 + k));
    check.that(bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8, "operand", 5 + k, "has elements of another width");
  }
  if (!check) return check.error();
  const Operand synapse = call.operand(0), target = call.operand(1), found = call.operand(2), added = call.operand(3);
  const auto count = [&](int64_t e) { return std::clamp<int64_t>(*found.at<int32_t>(e), 0, room); };
  const Operand into = call.in_place(0, 4);
  with_real(real, [&](auto zero) {
    using T = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e) {
      const int32_t* const to = target.at<int32_t>(e);
      const T* const x = added.at<T>(e);
      T* const sums = into.at<T>(e);
      for (int64_t q = 0, n = count(e); q < n; ++q) sums[to[q]] += x[q];
    }
  });
  for (int64_t k = 0; k < arrays; ++k) {
    const Operand own = call.in_place(1 + k, 5 + k), after = call.operand(5 + arrays + k);
    with_width(width(own), [&](auto zero) {
      using X = decltype(zero);
      for (int64_t e = 0; e < call.entries(); ++e) {
        const int32_t* const at = synapse.at<int32_t>(e);
        const X* const x = after.at<X>(e);
        X* const y = own.at<X>(e);
        for (int64_t q = 0, n = count(e); q < n; ++q) y[at[q]] = x[q];
      }
    });
  }
  return check.error();
}

// Operands: spikes, fired, waiting; results: fired, waiting. Shared: connectivity, begins, step. Own numbers: connectivity,
// Calendar.
ffi::Error pass_on(const Call& call) {
  Check check(call, 0);
  with_calendar(call, check, 0, 0, [&](const auto& conn, const Calendar& at) {
    check.arguments(conn.arrays + 2, 3, 2);
    check.operand(0, conn.n_pre, ffi::DataType::PRED);
    check.in_place(0, 1, conn.n_pre * at.words, ffi::DataType::U32);
    check.in_place(1, 2, at.waiting_words(), ffi::DataType::U32);
    if (!check) return;
    const Operand spikes = call.operand(0), fired = call.in_place(0, 1), waiting = call.in_place(1, 2);
    thread_local Agenda agenda;
    for (int64_t e = 0; e < call.entries(); ++e) {
      uint32_t* const own = fired.at<uint32_t>(e);
      uint32_t* const wait = waiting.at<uint32_t>(e);
      agenda.forget(at, own, wait);
      for_each_block(spikes.at<bool>(e), conn.n_pre, [&](const int32_t* ids, int count) { at.mark(ids, count, own, wait); });
    }
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(take_spiking, brainsim::take_spiking);
BRAINSIM_HANDLER(take_due, brainsim::take_due);
BRAINSIM_HANDLER(put_reached, brainsim::put_reached);
BRAINSIM_HANDLER(pass_on, brainsim::pass_on);
