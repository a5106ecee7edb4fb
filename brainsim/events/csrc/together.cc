// Several deliveries in one call: the spikes of each source are looked for once, and the rows of all its projections are
// on their way from memory at the same time. The spikes can be appended to buffers of events on the way (see record.cc).
//
// Operands: spikes of each source, weight of each delivery, arrays that are added to, and for recording index, step buffer, count,
// step, offset of each recorded population; results: the arrays that are added to, and the first three of recording.
// Own numbers: sources, deliveries, targets; for each delivery: connectivity, its first shared array, source, target; and the
// source of each recorded population.
#include <optional>
#include <variant>
#include <vector>

#include "call.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

constexpr int64_t kPerDelivery = kConnectivityNumbers + 3;

struct Delivery {
  std::variant<Csr<int32_t>, Csr<uint16_t>, FixedFanOut<int32_t>, FixedFanOut<uint16_t>, OneToOne, Dense> conn;
  int64_t source;
  Operand weight, into;
};

// Adds a block of spikes; false where the types have no kernel.
template <class S>
bool add(const Delivery& delivery, int64_t e, const int32_t* ids, int count, const S* spikes) {
  bool ok = false;
  with_real(delivery.into.type(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<S, bool> || std::is_same_v<S, T>) {
      const T* const weight = delivery.weight.at<T>(e);
      T* const into = delivery.into.at<T>(e);
      std::visit([&](const auto& conn) {
        if (delivery.weight.size() == 1) add_rows<true>(conn, AtTarget{}, ids, count, spikes, weight, into);
        else add_rows<false>(conn, AtTarget{}, ids, count, spikes, weight, into);
      }, delivery.conn);
      ok = true;
    }
  });
  return ok;
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

ffi::Error deliver_together(const Call& call) {
  const int64_t sources = call.number(0), count = call.number(1), targets = call.number(2), first_target = sources + count;
  for (int64_t result = 0; result < call.results(); ++result) call.in_place(result, first_target + result);
  const int64_t first_record = first_target + targets, recorded = 3 + count * kPerDelivery;
  std::optional<Record> record;
  std::vector<int64_t> offset(sources, -1);  // operand of each source that is recorded
  if (call.results() > targets) {
    record = Record{call.in_place(targets, first_record), call.in_place(targets + 1, first_record + 1),
                    call.in_place(targets + 2, first_record + 2), call.operand(first_record + 3)};
    const int64_t populations = call.operands() - first_record - 4;
    for (int64_t p = 0; p < populations; ++p) offset[call.number(recorded + p)] = first_record + 4 + p;
  }
  std::vector<Delivery> deliveries;
  deliveries.reserve(count);
  bool ok = true;
  for (int64_t d = 0; d < count; ++d) {
    const int64_t at = 3 + d * kPerDelivery, own = at + kConnectivityNumbers;
    ok &= with_connectivity(call, at, call.number(own), [&](const auto& conn) {
      deliveries.push_back({conn, call.number(own + 1), call.operand(sources + d), call.result(call.number(own + 2))});
      return true;
    });
  }
  const auto from = [&](int64_t source, auto zero) {
    using S = decltype(zero);
    const Operand spikes = call.operand(source);
    for (int64_t e = 0; e < call.entries(); ++e) {
      const S* const s = spikes.at<S>(e);
      const int32_t first = offset[source] < 0 ? 0 : *call.operand(offset[source]).at<int32_t>(e);
      for_each_block(s, spikes.size(), [&](const int32_t* ids, int n) {
        for (const Delivery& delivery : deliveries)
          if (delivery.source == source) std::visit([&](const auto& conn) { prefetch_first(conn, ids, n); }, delivery.conn);
        for (const Delivery& delivery : deliveries)
          if (delivery.source == source) ok &= add(delivery, e, ids, n, s);
        if (offset[source] >= 0) record->add(e, first, ids, n);
      });
    }
  };
  for (int64_t source = 0; source < sources; ++source) {
    const ffi::DataType type = call.operand(source).type();
    if (type == ffi::DataType::PRED) from(source, bool{});
    else ok &= with_real(type, [&](auto zero) { from(source, zero); });
  }
  return served(ok);
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(deliver_together, brainsim::deliver_together);
