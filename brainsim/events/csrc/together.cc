// Several deliveries in one call: the spikes of each source are looked for once, and the rows of all its projections are
// on their way from memory at the same time.
//
// Operands: spikes of each source, weight of each delivery, arrays that are added to; results: these arrays.
// Own numbers: sources, deliveries, and for each delivery: connectivity, its first shared array, source, target.
#include "call.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

constexpr int64_t kPerDelivery = kConnectivityNumbers + 3;

ffi::Error deliver_together(const Call& call) {
  const int64_t sources = call.number(0), deliveries = call.number(1), first_target = sources + deliveries;
  const auto number = [&](int64_t d, int64_t i) { return call.number(2 + d * kPerDelivery + i); };
  const auto connected = [&](int64_t d, auto&& f) {
    return with_connectivity(call, 2 + d * kPerDelivery, number(d, kConnectivityNumbers), f);
  };
  for (int64_t target = 0; target < call.results(); ++target) call.in_place(target, first_target + target);
  bool ok = true;

  // One delivery of a block of spikes, once the types are known.
  const auto add = [&](int64_t d, int64_t e, const int32_t* ids, int count, const auto* spikes) {
    using S = std::remove_const_t<std::remove_pointer_t<decltype(spikes)>>;
    const Operand weight = call.operand(sources + d), into = call.result(number(d, kConnectivityNumbers + 2));
    ok &= connected(d, [&](const auto& conn) {
      return with_real(into.type(), [&](auto zero) {
        using T = decltype(zero);
        if constexpr (std::is_same_v<S, bool> || std::is_same_v<S, T>) {
          if (weight.size() == 1) add_rows<true>(conn, AtTarget{}, ids, count, spikes, weight.at<T>(e), into.at<T>(e));
          else add_rows<false>(conn, AtTarget{}, ids, count, spikes, weight.at<T>(e), into.at<T>(e));
        } else {
          ok = false;
        }
      });
    });
  };
  const auto from = [&](int64_t source, auto zero) {
    using S = decltype(zero);
    const Operand spikes = call.operand(source);
    for (int64_t e = 0; e < call.entries(); ++e) {
      const S* const s = spikes.at<S>(e);
      for_each_block(s, spikes.size(), [&](const int32_t* ids, int count) {
        for (int64_t d = 0; d < deliveries; ++d)
          if (number(d, kConnectivityNumbers + 1) == source)
            connected(d, [&](const auto& conn) { return prefetch_first(conn, ids, count), true; });
        for (int64_t d = 0; d < deliveries; ++d)
          if (number(d, kConnectivityNumbers + 1) == source) add(d, e, ids, count, s);
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
