// Weight changes at the synapses of the neurons that spike, in place.
// Operands: spikes, weight, delta, low, high, and for a power law of the weight: anchor, scale, power.
#include <cmath>

#include "call.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

// The factor (|w - anchor| / scale)^power of a change.
template <class T>
struct PowerLaw {
  T anchor, scale, power;
  T operator()(T w) const {
    const T distance = std::abs(w - anchor) / scale;
    if (power == T{1}) return distance;
    if (power == T{0}) return T{1};
    return std::pow(distance, power);
  }
};

// Calls update(spikes, add) for each batch entry; add(k, j, s) moves weight k by s delta[j] and keeps it within bounds.
template <class F>
ffi::Error change_weights(const Call& call, bool has_law, F&& update) {
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
        const auto* const s = spikes.at<decltype(zero)>(e);
        const auto put = [=](int64_t k, T moved) { w[k] = moved < floor ? floor : moved > ceiling ? ceiling : moved; };
        if (has_law) {
          const PowerLaw<T> law{*call.operand(5).at<T>(e), *call.operand(6).at<T>(e), *call.operand(7).at<T>(e)};
          update(s, [=](int64_t k, int64_t j, T factor) { put(k, w[k] + factor * change[j] * law(w[k])); });
        } else {
          update(s, [=](int64_t k, int64_t j, T factor) { put(k, w[k] + factor * change[j]); });
        }
      }
    });
  });
  return served(ok);
}

// Own numbers: format, n_pre, n_post, fan out, whether there is a power law.
ffi::Error add_on_pre(const Call& call) {
  ffi::Error error = ffi::Error::Success();
  const bool known = with_connectivity(call, [&](const auto& conn) {
    error = change_weights(call, call.number(kConnectivityNumbers), [&](const auto* spikes, const auto& add) {
      for_each_spike(spikes, conn.n_pre, [&](int64_t i, auto s) {
        const int64_t end = conn.end(i);
        for (int64_t k = conn.begin(i); k < end; ++k) add(k, conn.target(i, k), s);
      });
    });
    return true;
  });
  return known ? error : served(false);
}

// Shared: the view by postsynaptic neuron (indptr, source, position). Own numbers: n_post, whether there is a power law.
ffi::Error add_on_post(const Call& call) {
  const int32_t* const indptr = call.shared<int32_t>(0);
  const int32_t* const source = call.shared<int32_t>(1);
  const int32_t* const position = call.shared<int32_t>(2);
  return change_weights(call, call.number(1), [&](const auto* spikes, const auto& add) {
    for_each_spike(spikes, call.number(0), [&](int64_t j, auto s) {
      for (int64_t q = indptr[j]; q < indptr[j + 1]; ++q) add(position[q], source[q], s);
    });
  });
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(add_on_pre, brainsim::add_on_pre);
BRAINSIM_HANDLER(add_on_post, brainsim::add_on_post);
