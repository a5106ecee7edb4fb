// Handler of T(s, W, v) without and with delays. Operands are the two other arguments of T in the order pre, weight,
// post, and the array that is added to. Shared: connectivity, and with a ring delay and step. Own numbers: connectivity,
// Contract.
#include "contract.h"

#include "call.h"
#include "check.h"
#include "connectivity.h"

namespace brainsim {
namespace {

using shared::Role;

template <class T, bool kScalar, class Conn, class Address>
void run(const Call& call, int64_t towards, const Conn& conn, const Address& address) {
  const auto at = address.here();
  const Operand a = call.operand(0), b = call.operand(1), out = call.in_place(0, 2);
  if (towards == Role::PRE) {
    for (int64_t e = 0; e < call.entries(); ++e)
      towards_pre<kScalar>(conn, at, a.at<T>(e), b.at<T>(e), out.at<T>(e));
    return;
  }
  with_spikes<T>(a.type(), [&](auto zero) {
    using S = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e) {
      if (towards == Role::WEIGHT) towards_weight<kScalar>(conn, at, a.at<S>(e), b.at<T>(e), out.at<T>(e));
      else towards_post<kScalar>(conn, at, a.at<S>(e), b.at<T>(e), out.at<T>(e));
    }
  });
}

ffi::Error contract(const Call& call) {
  using Numbers = shared::Contract;
  constexpr int64_t kOwn = shared::Connectivity::size;
  Check check(call, kOwn + Numbers::size);
  with_connectivity(call, check, 0, 0, [&](const auto& conn) {
    const int64_t towards = call.number(kOwn + Numbers::towards), depth = call.number(kOwn + Numbers::depth);
    check.that(towards >= Role::PRE && towards <= Role::POST, "numbers", kOwn, "name no argument");
    check.that(depth >= 0, "numbers", kOwn + Numbers::depth, "are negative");
    check.arguments(conn.arrays + (depth ? 2 : 0), 3, 1);
    const ffi::DataType real = check.real(2);
    const int64_t post = depth ? depth * conn.n_post : conn.n_post;
    const int64_t weight = towards == Role::PRE ? 0 : towards == Role::WEIGHT ? 2 : 1;
    check.one_or_each(weight, conn.synapses, real);
    if (towards != Role::PRE) check.spikes(0, conn.n_pre, real);
    if (towards != Role::POST) check.operand(1, post, real);
    const int64_t each = check && call.operand(2).has(1) ? 1 : conn.synapses;
    check.in_place(0, 2, towards == Role::PRE ? conn.n_pre : towards == Role::WEIGHT ? each : post, real);
    if (depth) {
      check.shared(conn.arrays, conn.synapses, ffi::DataType::S32);
      check.shared(conn.arrays + 1, 1, ffi::DataType::S32);
    }
    if (!check) return;
    with_real(real, [&](auto zero) {
      using T = decltype(zero);
      const auto with_address = [&](const auto& address) {
        if (call.operand(weight).size() == 1) run<T, true>(call, towards, conn, address);
        else run<T, false>(call, towards, conn, address);
      };
      if (depth == 0) with_address(Targets{});
      else
        with_address(Ring{call.shared<int32_t>(conn.arrays), call.shared<int32_t>(conn.arrays + 1), depth, conn.n_post});
    });
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(contract, brainsim::contract);
