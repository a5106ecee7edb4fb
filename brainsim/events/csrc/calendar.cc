// Delivery to synapses with delays of their own, whose rows are sorted by delay; and the gradient of their weights.
#include "calendar.h"

namespace brainsim {
namespace {

// Operands: spikes, weight, fired, waiting, into; results: into, fired, waiting. Shared: connectivity, begins, step. Own
// numbers: connectivity, Calendar.
ffi::Error deliver_sorted(const Call& call) {
  Check check(call, 0);
  with_calendar(call, check, 0, 0, [&](const auto& conn, const Calendar& at) {
    using Conn = std::decay_t<decltype(conn)>;
    if constexpr (!kHasRows<Conn>) {
      check.that(false, "numbers", 0, "name a format without rows of targets");
    } else {
      check.arguments(Conn::arrays + 2, 5, 3);
      const ffi::DataType real = check.real(4);
      check.operand(0, conn.n_pre, ffi::DataType::PRED);
      check.one_or_each(1, conn.synapses, real);
      check.in_place(1, 2, conn.n_pre * at.words, ffi::DataType::U32);
      check.in_place(2, 3, at.waiting_words(), ffi::DataType::U32);
      check.in_place(0, 4, conn.n_post, real);
      if (!check) return;
      const Operand spikes = call.operand(0), weight = call.operand(1);
      const Operand fired = call.in_place(1, 2), waiting = call.in_place(2, 3), into = call.in_place(0, 4);
      thread_local Agenda agenda;  // kept from step to step: to allocate takes as long as to serve a spike
      with_real(real, [&](auto zero) {
        using T = decltype(zero);
        for (int64_t e = 0; e < call.entries(); ++e) {
          uint32_t* const own = fired.at<uint32_t>(e);
          uint32_t* const wait = waiting.at<uint32_t>(e);
          agenda.segments.clear();
          agenda.add<true>(at, own, wait);
          add_segments(agenda.segments, conn.indices, weight.at<T>(e), weight.size() == 1, into.at<T>(e));
          const auto mark = [&](const int32_t* ids, int count) { at.mark(ids, count, own, wait); };
          for_each_block(spikes.at<bool>(e), conn.n_pre, mark);
        }
      });
    }
  });
  return check.error();
}

// Operands: values of the targets, fired, waiting, gradient (one, or one for each synapse); result: gradient. Shared and own
// numbers: as above.
ffi::Error sorted_gradient(const Call& call) {
  Check check(call, 0);
  with_calendar(call, check, 0, 0, [&](const auto& conn, const Calendar& at) {
    using Conn = std::decay_t<decltype(conn)>;
    if constexpr (!kHasRows<Conn>) {
      check.that(false, "numbers", 0, "name a format without rows of targets");
    } else {
      check.arguments(Conn::arrays + 2, 4, 1);
      const ffi::DataType real = check.real(3);
      check.operand(0, conn.n_post, real);
      check.operand(1, conn.n_pre * at.words, ffi::DataType::U32);
      check.operand(2, at.waiting_words(), ffi::DataType::U32);
      check.one_or_each(3, conn.synapses, real);
      if (check) check.in_place(0, 3, call.operand(3).has(1) ? 1 : conn.synapses, real);
      if (!check) return;
      const Operand values = call.operand(0), fired = call.operand(1), waiting = call.operand(2);
      const Operand gradient = call.in_place(0, 3);
      Agenda agenda;
      with_real(real, [&](auto zero) {
        using T = decltype(zero);
        for (int64_t e = 0; e < call.entries(); ++e) {
          agenda.segments.clear();
          agenda.add<false>(at, fired.at<uint32_t>(e), waiting.at<uint32_t>(e));
          const T* const v = values.at<T>(e);
          T* const out = gradient.at<T>(e);
          const bool total = gradient.size() == 1;
          T sum{0};
          for_each_segment(agenda.segments, conn.indices, total ? nullptr : out, [&](const auto* to, T* each, int64_t count) {
            if (total)
              for (int64_t q = 0; q < count; ++q) sum += v[to[q]];
            else
              for (int64_t q = 0; q < count; ++q) each[q] += v[to[q]];
          });
          if (total) *out += sum;
        }
      });
    }
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(deliver_sorted, brainsim::deliver_sorted);
BRAINSIM_HANDLER(sorted_gradient, brainsim::sorted_gradient);
