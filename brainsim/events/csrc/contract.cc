// Handler of T(s, W, v) without and with delays. Operands are the two other arguments of T in the order pre, weight,
// post, and the array that is added to. Own numbers: connectivity, towards (0 pre, 1 weight, 2 post), depth (0: no ring).
#include "contract.h"

#include "call.h"
#include "connectivity.h"

namespace brainsim {
namespace {

template <class T, bool kScalar, class Conn, class Address>
bool run(const Call& call, int64_t towards, const Conn& conn, const Address& at) {
  const Operand a = call.operand(0), b = call.operand(1), out = call.in_place(0, 2);
  if (towards == 0) {
    for (int64_t e = 0; e < call.entries(); ++e)
      towards_pre<kScalar>(conn, at, a.at<T>(e), b.at<T>(e), out.at<T>(e));
    return true;
  }
  return with_spikes<T>(a.type(), [&](auto zero) {
    using S = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e) {
      if (towards == 1) towards_weight<kScalar>(conn, at, a.at<S>(e), b.at<T>(e), out.at<T>(e));
      else towards_post<kScalar>(conn, at, a.at<S>(e), b.at<T>(e), out.at<T>(e));
    }
  });
}

ffi::Error contract(const Call& call) {
  const int64_t towards = call.number(kConnectivityNumbers), depth = call.number(kConnectivityNumbers + 1);
  const int64_t weight = towards == 0 ? 0 : towards == 1 ? 2 : 1;
  return served(with_connectivity(call, [&](const auto& conn) {
    bool ok = true;
    const bool known = with_real(call.operand(2).type(), [&](auto zero) {
      using T = decltype(zero);
      const auto with_address = [&](const auto& at) {
        ok = call.operand(weight).size() == 1 ? run<T, true>(call, towards, conn, at)
                                              : run<T, false>(call, towards, conn, at);
      };
      if (depth == 0) with_address(AtTarget{});
      else
        with_address(InRing(call.shared<int32_t>(conn.arrays), *call.shared<int32_t>(conn.arrays + 1), depth,
                            call.number(2)));
    });
    return known && ok;
  }));
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(contract, brainsim::contract);
