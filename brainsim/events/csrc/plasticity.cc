// Weight changes at the synapses of the neurons that spike, in place. Operands: spikes, weight, delta, low, high.
#include "call.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

// Calls update(spikes, add) for each batch entry; add(k, j) moves weight k by delta[j] and keeps it within bounds.
template <class F>
ffi::Error change_weights(const Call& call, F&& update) {
  const Operand spikes = call.operand(0), delta = call.operand(2), low = call.operand(3), high = call.operand(4);
  const Operand weight = call.in_place(0, 1);
  bool ok = false;
  with_real(weight.type(), [&](auto real) {
    using T = decltype(real);
    ok = with_spikes<T>(spikes.type(), [&](auto zero) {
      for (int64_t e = 0; e < call.entries(); ++e) {
        const T floor = *low.at<T>(e), ceiling = *high.at<T>(e);
        const T* const change = delta.at<T>(e);
        T* const w = weight.at<T>(e);
        update(spikes.at<decltype(zero)>(e), [=](int64_t k, int64_t j) {
          const T moved = w[k] + change[j];
          w[k] = moved < floor ? floor : moved > ceiling ? ceiling : moved;
        });
      }
    });
  });
  return served(ok);
}

ffi::Error add_on_pre(const Call& call) {
  ffi::Error error = ffi::Error::Success();
  const bool known = with_connectivity(call, [&](const auto& conn) {
    error = change_weights(call, [&](const auto* spikes, const auto& add) {
      for_each_spike(spikes, conn.n_pre, [&](int64_t i, auto) {
        const int64_t end = conn.end(i);
        for (int64_t k = conn.begin(i); k < end; ++k) add(k, conn.target(i, k));
      });
    });
    return true;
  });
  return known ? error : served(false);
}

// Shared: the view by postsynaptic neuron (indptr, source, position). Own numbers: n_post.
ffi::Error add_on_post(const Call& call) {
  const int32_t* const indptr = call.shared<int32_t>(0);
  const int32_t* const source = call.shared<int32_t>(1);
  const int32_t* const position = call.shared<int32_t>(2);
  return change_weights(call, [&](const auto* spikes, const auto& add) {
    for_each_spike(spikes, call.number(0), [&](int64_t j, auto) {
      for (int64_t q = indptr[j]; q < indptr[j + 1]; ++q) add(position[q], source[q]);
    });
  });
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(add_on_pre, brainsim::add_on_pre);
BRAINSIM_HANDLER(add_on_post, brainsim::add_on_post);
