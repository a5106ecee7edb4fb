// Several deliveries in one call: the spikes of each source are looked for once, and the rows of all its projections are
// on their way from memory at the same time. The spikes can be appended to buffers of events on the way (see record.cc).
//
// Operands: spikes of each source, weight of each delivery, arrays that are added to, and for recording index, step buffer, count,
// step, offset of each recorded population; results: the arrays that are added to, and the first three of recording.
// Own numbers: Together; connectivity and Delivery of each; and the source of each recorded population. All operands have the
// same batch, and results have every level of it.
#include <optional>
#include <variant>
#include <vector>

#include "call.h"
#include "check.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

using shared::Together;

constexpr int64_t kPerDelivery = shared::Connectivity::size + shared::Delivery::size;

struct Delivery {
  std::variant<Csr<int32_t>, Csr<uint16_t>, FixedFanOut<int32_t>, FixedFanOut<uint16_t>, OneToOne, Dense> conn;
  int64_t source;
  Operand weight, into;
};

// Adds a block of spikes.
template <class S>
void add(const Delivery& delivery, int64_t e, const int32_t* ids, int count, const S* spikes) {
  with_real(delivery.into.type(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<S, bool> || std::is_same_v<S, T>) {
      const T* const weight = delivery.weight.at<T>(e);
      T* const into = delivery.into.at<T>(e);
      std::visit([&](const auto& conn) {
        if (delivery.weight.size() == 1) add_rows<true>(conn, AtTarget{}, ids, count, spikes, weight, into);
        else add_rows<false>(conn, AtTarget{}, ids, count, spikes, weight, into);
      }, delivery.conn);
    }
  });
}

struct Record {
  Operand index, when, count, step;

  void add(int64_t e, int32_t offset, const int32_t* ids, int n) const {
    int32_t* const to = index.at<int32_t>(e);
    int32_t* const at = when.at<int32_t>(e);
    const int32_t now = *step.at<int32_t>(e), capacity = static_cast<int32_t>(index.size());
    int32_t& total = *count.at<int32_t>(e);
    for (int k = 0; k < n; ++k, ++total) {
      if (total < 0 || total >= capacity) continue;
      to[total] = offset + ids[k];
      at[total] = now;
    }
  }
};

// What the numbers say of a call, compared with it. Empty where it does not fit.
std::vector<Delivery> deliveries_of(const Call& call, Check& check) {
  std::vector<Delivery> found;
  check.numbers(Together::size);
  if (!check) return found;
  const int64_t sources = call.number(Together::sources), count = call.number(Together::deliveries);
  const int64_t targets = call.number(Together::targets);
  check.that(sources >= 0 && count >= 0 && targets >= 0, "numbers", 0, "are negative");
  check.numbers(Together::size + count * kPerDelivery);
  for (int64_t d = 0; d < count && check; ++d) {
    const int64_t at = Together::size + d * kPerDelivery, own = at + shared::Connectivity::size;
    with_connectivity(call, check, at, call.number(own + shared::Delivery::first), [&](const auto& conn) {
      const int64_t source = call.number(own + shared::Delivery::source), target = call.number(own + shared::Delivery::target);
      check.that(source >= 0 && source < sources, "delivery", d, "has no such source");
      check.that(target >= 0 && target < targets, "delivery", d, "has no such target");
      const int64_t into = sources + count + target;
      const ffi::DataType real = check.real(into);
      check.spikes(source, conn.n_pre, real);
      check.one_or_each(sources + d, conn.synapses, real);
      check.in_place(target, into, conn.n_post, real);
      check.result(target, conn.n_post, real);
      if (check) found.push_back({conn, source, call.operand(sources + d), call.result(target)});
    });
  }
  return found;
}

struct Recorded {
  std::optional<Record> buffers;
  std::vector<int64_t> offset;  // operand of each source that is recorded, else -1
};

// The buffers are operands from `first` on, and results from `targets` on.
Recorded recorded_of(const Call& call, Check& check, int64_t first) {
  Recorded found;
  if (!check) return found;
  const int64_t sources = call.number(Together::sources), targets = call.number(Together::targets);
  found.offset.assign(sources, -1);
  if (call.results() == targets) {
    check.arguments(call.shared_arrays(), first, targets);
    return found;
  }
  const int64_t at = Together::size + call.number(Together::deliveries) * kPerDelivery;
  const int64_t populations = call.operands() - first - 4;
  check.that(populations >= 0, "operand", first + 3, "is missing");
  check.arguments(call.shared_arrays(), first + 4 + populations, targets + 3);
  check.numbers(at + populations);
  if (!check) return found;
  const int64_t capacity = call.operand(first).size();
  for (int64_t k = 0; k < 2; ++k) check.in_place(targets + k, first + k, capacity, ffi::DataType::S32);
  check.in_place(targets + 2, first + 2, 1, ffi::DataType::S32);
  check.operand(first + 3, 1, ffi::DataType::S32);
  for (int64_t p = 0; p < populations; ++p) {
    const int64_t source = call.number(at + p), operand = first + 4 + p;
    check.that(source >= 0 && source < sources, "population", p, "has no such source");
    check.operand(operand, 1, ffi::DataType::S32);
    if (!check) return found;
    const ffi::DataType type = call.operand(source).type();
    if (type != ffi::DataType::PRED) check.real(source);
    check.operand(source, call.operand(source).size(), type);
    found.offset[source] = operand;
  }
  if (check)
    found.buffers = Record{call.in_place(targets, first), call.in_place(targets + 1, first + 1),
                           call.in_place(targets + 2, first + 2), call.operand(first + 3)};
  return found;
}

ffi::Error deliver_together(const Call& call) {
  Check check(call, Together::size);
  const std::vector<Delivery> deliveries = deliveries_of(call, check);
  if (!check) return check.error();
  const int64_t sources = call.number(Together::sources), targets = call.number(Together::targets);
  const int64_t first_target = sources + static_cast<int64_t>(deliveries.size());
  const Recorded recorded = recorded_of(call, check, first_target + targets);
  if (!check) return check.error();
  for (int64_t target = 0; target < targets; ++target) call.in_place(target, first_target + target);
  const auto from = [&](int64_t source, auto zero) {
    using S = decltype(zero);
    const Operand spikes = call.operand(source);
    const int64_t offset = recorded.offset[source];
    for (int64_t e = 0; e < call.entries(); ++e) {
      const S* const s = spikes.at<S>(e);
      const int32_t first = offset < 0 ? 0 : *call.operand(offset).at<int32_t>(e);
      for_each_block(s, spikes.size(), [&](const int32_t* ids, int n) {
        for (const Delivery& delivery : deliveries)
          if (delivery.source == source) std::visit([&](const auto& conn) { prefetch_first(conn, ids, n); }, delivery.conn);
        for (const Delivery& delivery : deliveries)
          if (delivery.source == source) add(delivery, e, ids, n, s);
        if (offset >= 0) recorded.buffers->add(e, first, ids, n);
      });
    }
  };
  for (int64_t source = 0; source < sources; ++source) {
    const ffi::DataType type = call.operand(source).type();
    if (type == ffi::DataType::PRED) from(source, bool{});
    else with_real(type, [&](auto zero) { from(source, zero); });
  }
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(deliver_together, brainsim::deliver_together);
