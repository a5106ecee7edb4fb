// Several deliveries in one call: the spikes of each source are looked for once, and the rows of all its projections are
// on their way from memory at the same time.
//
// Operands: spikes of each source, weight of each delivery, arrays that are added to; results: these arrays.
// Own numbers: sources, deliveries, and for each delivery: connectivity, its first shared array, source, target.
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

ffi::Error deliver_together(const Call& call) {
  const int64_t sources = call.number(0), count = call.number(1), first_target = sources + count;
  for (int64_t target = 0; target < call.results(); ++target) call.in_place(target, first_target + target);
  std::vector<Delivery> deliveries;
  deliveries.reserve(count);
  bool ok = true;
  for (int64_t d = 0; d < count; ++d) {
    const int64_t at = 2 + d * kPerDelivery, own = at + kConnectivityNumbers;
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
      for_each_block(s, spikes.size(), [&](const int32_t* ids, int n) {
        for (const Delivery& delivery : deliveries)
          if (delivery.source == source) std::visit([&](const auto& conn) { prefetch_first(conn, ids, n); }, delivery.conn);
        for (const Delivery& delivery : deliveries)
          if (delivery.source == source) ok &= add(delivery, e, ids, n, s);
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
