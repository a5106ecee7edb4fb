// Weight changes at the synapses of the neurons that spike, in place.
// Operands: spikes, weight, delta, low, high, and for a power law of the weight: anchor, scale, power.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "calendar.h"
#include "call.h"
#include "change.h"
#include "check.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

// Calls update(spikes, add) for each batch entry; add(k, j, s) moves weight k by s delta[j] and keeps it within bounds.
template <class F>
void change_weights(const Call& call, Check& check, int64_t own, int64_t other, int64_t synapses, bool has_law, F&& update) {
  const ffi::DataType real = check.real(1);
  check.spikes(0, own, real);
  check.in_place(0, 1, synapses, real);
  check.operand(2, other, real);
  check_bounds(check, 3, has_law, real);
  if (!check) return;
  const Operand spikes = call.operand(0), delta = call.operand(2), weight = call.in_place(0, 1);
  with_real(real, [&](auto real) {
    using T = decltype(real);
    with_spikes<T>(spikes.type(), [&](auto zero) {
      for (int64_t e = 0; e < call.entries(); ++e) {
        const T* const change = delta.at<T>(e);
        T* const w = weight.at<T>(e);
        const auto* const s = spikes.at<decltype(zero)>(e);
        with_bounds<T>(call, 3, e, has_law, [&](const auto& move) {
          update(s, [=](int64_t k, int64_t j, T factor) { w[k] = move(w[k], factor * change[j]); });
        });
      }
    });
  });
}

// Shared: connectivity. Own numbers: connectivity, OnPre.
ffi::Error add_on_pre(const Call& call) {
  constexpr int64_t kOwn = shared::Connectivity::size;
  Check check(call, kOwn + shared::OnPre::size);
  with_connectivity(call, check, 0, 0, [&](const auto& conn) {
    const bool has_law = call.number(kOwn + shared::OnPre::law);
    check.arguments(conn.arrays, 3 + bounds(has_law), 1);
    change_weights(call, check, conn.n_pre, conn.n_post, conn.synapses, has_law, [&](const auto* spikes, const auto& add) {
      for_each_spike(spikes, conn.n_pre, [&](int64_t i, auto s) {
        const int64_t end = conn.end(i);
        for (int64_t k = conn.begin(i); k < end; ++k) add(k, conn.target(i, k), s);
      });
    });
  });
  return check.error();
}

// Where the values of the presynaptic side that reach each synapse are, among those of the last steps.
template <class Delay>
class Ago {
 public:
  Ago(const Delay* delay, int64_t step, int64_t slots, int64_t n) : delay_(delay), slots_(slots) {
    thread_local std::vector<int64_t> rows;  // of each delay: a remainder takes longer than a synapse
    rows.resize(slots);
    for (int64_t d = 0; d < slots; ++d) rows[d] = slot_of(step - d, slots) * n;
    rows_ = rows.data();
  }
  int64_t operator()(int64_t k, int64_t i) const {
    const int64_t d = delay_[k];
    return rows_[d >= 0 && d < slots_ ? d : 0] + i;
  }

 private:
  const Delay* delay_;
  const int64_t* rows_;
  int64_t slots_;
};

// Shared: the view by postsynaptic neuron (indptr, source, position), then connectivity; with slots also the delay of each
// synapse, and the step. Own numbers: OnPost.
ffi::Error add_on_post(const Call& call) {
  using Numbers = shared::OnPost;
  Check check(call, Numbers::size);
  if (!check) return check.error();
  const int64_t n_pre = call.number(Numbers::n_pre), n_post = call.number(Numbers::n_post);
  const int64_t synapses = call.number(Numbers::n_synapses), slots = call.number(Numbers::slots);
  const int64_t delay = call.shared_arrays() - 2, step = delay + 1;
  const bool has_law = call.number(Numbers::law);
  check.that(slots >= 0, "numbers", Numbers::slots, "are negative");
  check.arguments(call.shared_arrays(), 3 + bounds(has_law), 1);
  check.shared(0, n_post + 1, ffi::DataType::S32);
  check.shared(1, synapses, ffi::DataType::S32);
  check.shared(2, synapses, ffi::DataType::S32);
  if (slots) {
    check.that(delay > 2, "shared arrays", 0, "are without delays and the step");
    check.shared(step, 1, ffi::DataType::S32);
  }
  if (!check) return check.error();
  const int32_t* const indptr = call.shared<int32_t>(0);
  const int32_t* const source = call.shared<int32_t>(1);
  const int32_t* const position = call.shared<int32_t>(2);
  const auto change = [&](const auto& where) {
    const int64_t values = slots ? slots * n_pre : n_pre;
    change_weights(call, check, n_post, values, synapses, has_law, [&](const auto* spikes, const auto& add) {
      for_each_spike(spikes, n_post, [&](int64_t j, auto s) {
        for (int64_t q = indptr[j]; q < indptr[j + 1]; ++q) add(position[q], where(position[q], source[q]), s);
      });
    });
  };
  if (!slots) {
    change([](int64_t, int64_t i) { return i; });
  } else if (call.shared_buffer(delay).element_type() == ffi::DataType::U8) {
    check.shared(delay, synapses, ffi::DataType::U8);
    if (check) change(Ago<uint8_t>(call.shared<uint8_t>(delay), *call.shared<int32_t>(step), slots, n_pre));
  } else {
    check.shared(delay, synapses, ffi::DataType::S32);
    if (check) change(Ago<int32_t>(call.shared<int32_t>(delay), *call.shared<int32_t>(step), slots, n_pre));
  }
  return check.error();
}

// Calls f(conn, calendar, order): the last shared array is the order of synapses where they are listed, as number `listed` says.
template <class F>
void with_due(const Call& call, Check& check, int64_t listed, F&& f) {
  with_calendar(call, check, 0, 0, [&](const auto& conn, const Calendar& at) {
    check.numbers(listed + 1);
    if (!check) return;
    const bool has_order = call.number(listed);
    check.arguments(conn.arrays + 2 + has_order, call.operands(), call.results());
    if (has_order) check.shared(conn.arrays + 2, conn.synapses, ffi::DataType::S32);
    check.operand(0, conn.n_pre * at.words, ffi::DataType::U32);
    check.operand(1, at.waiting_words(), ffi::DataType::U32);
    if (check) f(conn, at, has_order ? call.shared<int32_t>(conn.arrays + 2) : nullptr);
  });
}

// Calls f(neuron, k, age) for the synapses that are reached now, by neuron, the last spike first.
template <class F>
void for_each_due(const Calendar& at, const int32_t* order, uint32_t* fired, const uint32_t* waiting, F&& f) {
  thread_local Agenda agenda;
  agenda.for_each(at, fired, waiting, [&](int64_t begin, int64_t count, int64_t neuron, int64_t age) {
    for (int64_t q = begin; q < begin + count; ++q) f(neuron, order ? order[q] : q, age);
  });
}

// Operands: fired, waiting, weight, into; result: into. Shared: connectivity, begins, step, and the order of synapses, if any.
// Own numbers: connectivity, Calendar, DueNow.
ffi::Error deliver_due(const Call& call) {
  constexpr int64_t kOwn = shared::Connectivity::size + shared::Calendar::size;
  Check check(call, 0);
  with_due(call, check, kOwn + shared::DueNow::listed, [&](const auto& conn, const Calendar& at, const int32_t* order) {
    check.arguments(call.shared_arrays(), 4, 1);
    const ffi::DataType real = check.real(3);
    check.one_or_each(2, conn.synapses, real);
    check.in_place(0, 3, conn.n_post, real);
    if (!check) return;
    const Operand fired = call.operand(0), waiting = call.operand(1), weight = call.operand(2), into = call.in_place(0, 3);
    with_real(real, [&](auto zero) {
      using T = decltype(zero);
      const bool one = weight.size() == 1;
      for (int64_t e = 0; e < call.entries(); ++e) {
        const T* const w = weight.at<T>(e);
        T* const sums = into.at<T>(e);
        for_each_due(at, order, fired.at<uint32_t>(e), waiting.at<uint32_t>(e),
                     [&](int64_t i, int64_t k, int64_t) { sums[conn.target(i, k)] += w[one ? 0 : k]; });
      }
    });
  });
  return check.error();
}

// Operands: fired, waiting, weight, delta, low, high, of a law anchor, scale, power, and with slots the values of the presynaptic
// side in the last steps; result: weight. Shared: as above. Own numbers: connectivity, Calendar, OnDue.
ffi::Error add_on_due(const Call& call) {
  using Numbers = shared::OnDue;
  constexpr int64_t kOwn = shared::Connectivity::size + shared::Calendar::size;
  Check check(call, kOwn + Numbers::size);
  with_due(call, check, kOwn + Numbers::listed, [&](const auto& conn, const Calendar& at, const int32_t* order) {
    const bool has_law = call.number(kOwn + Numbers::law);
    const int64_t slots = call.number(kOwn + Numbers::slots), past = 4 + bounds(has_law);
    check.that(slots >= 0, "numbers", kOwn + Numbers::slots, "are negative");
    check.arguments(call.shared_arrays(), past + (slots ? 1 : 0), 1);
    const ffi::DataType real = check.real(2);
    check.in_place(0, 2, conn.synapses, real);
    check.operand(3, conn.n_post, real);
    check_bounds(check, 4, has_law, real);
    if (slots) check.operand(past, slots * conn.n_pre, real);
    if (!check) return;
    const Operand fired = call.operand(0), waiting = call.operand(1), weight = call.in_place(0, 2), delta = call.operand(3);
    with_real(real, [&](auto zero) {
      using T = decltype(zero);
      for (int64_t e = 0; e < call.entries(); ++e) {
        T* const w = weight.at<T>(e);
        const T* const change = delta.at<T>(e);
        const T* const values = slots ? call.operand(past).at<T>(e) : nullptr;
        with_bounds<T>(call, 4, e, has_law, [&](const auto& move) {
          for_each_due(at, order, fired.at<uint32_t>(e), waiting.at<uint32_t>(e), [&](int64_t i, int64_t k, int64_t age) {
            const T factor = slots ? values[slot_of(at.step - age, slots) * conn.n_pre + i] : T{1};
            w[k] = move(w[k], factor * change[conn.target(i, k)]);
          });
        });
      }
    });
  });
  return check.error();
}

// Operands: fired, waiting; result: whether each synapse is reached. Shared and own numbers: as of deliver_due.
ffi::Error is_due(const Call& call) {
  constexpr int64_t kOwn = shared::Connectivity::size + shared::Calendar::size;
  Check check(call, 0);
  with_due(call, check, kOwn + shared::DueNow::listed, [&](const auto& conn, const Calendar& at, const int32_t* order) {
    check.arguments(call.shared_arrays(), 2, 1);
    check.result(0, conn.synapses, ffi::DataType::PRED);
    if (!check) return;
    const Operand fired = call.operand(0), waiting = call.operand(1), found = call.result(0);
    for (int64_t e = 0; e < call.entries(); ++e) {
      bool* const is = found.at<bool>(e);
      std::fill_n(is, conn.synapses, false);
      for_each_due(at, order, fired.at<uint32_t>(e), waiting.at<uint32_t>(e), [&](int64_t, int64_t k, int64_t) { is[k] = true; });
    }
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(is_due, brainsim::is_due);
BRAINSIM_HANDLER(add_on_pre, brainsim::add_on_pre);
BRAINSIM_HANDLER(add_on_post, brainsim::add_on_post);
BRAINSIM_HANDLER(deliver_due, brainsim::deliver_due);
BRAINSIM_HANDLER(add_on_due, brainsim::add_on_due);
