// Weight changes at the synapses of the neurons that spike, in place.
// Operands: spikes, weight, delta, low, high, and for a power law of the weight: anchor, scale, power.
#include <cmath>

#include "call.h"
#include "check.h"
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
void change_weights(const Call& call, Check& check, int64_t own, int64_t other, int64_t synapses, bool has_law, F&& update) {
  const ffi::DataType real = check.real(1);
  check.spikes(0, own, real);
  check.in_place(0, 1, synapses, real);
  check.operand(2, other, real);
  for (int64_t i = 3; i < (has_law ? 8 : 5); ++i) check.operand(i, 1, real);
  if (!check) return;
  const Operand spikes = call.operand(0), delta = call.operand(2), low = call.operand(3), high = call.operand(4);
  const Operand weight = call.in_place(0, 1);
  with_real(real, [&](auto real) {
    using T = decltype(real);
    with_spikes<T>(spikes.type(), [&](auto zero) {
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
}

// Shared: connectivity. Own numbers: connectivity, OnPre.
ffi::Error add_on_pre(const Call& call) {
  constexpr int64_t kOwn = shared::Connectivity::size;
  Check check(call, kOwn + shared::OnPre::size);
  with_connectivity(call, check, 0, 0, [&](const auto& conn) {
    const bool has_law = call.number(kOwn + shared::OnPre::law);
    check.arguments(conn.arrays, has_law ? 8 : 5, 1);
    change_weights(call, check, conn.n_pre, conn.n_post, conn.synapses, has_law, [&](const auto* spikes, const auto& add) {
      for_each_spike(spikes, conn.n_pre, [&](int64_t i, auto s) {
        const int64_t end = conn.end(i);
        for (int64_t k = conn.begin(i); k < end; ++k) add(k, conn.target(i, k), s);
      });
    });
  });
  return check.error();
}

// Shared: the view by postsynaptic neuron (indptr, source, position), then connectivity. Own numbers: OnPost.
ffi::Error add_on_post(const Call& call) {
  using Numbers = shared::OnPost;
  Check check(call, Numbers::size);
  if (!check) return check.error();
  const int64_t n_pre = call.number(Numbers::n_pre), n_post = call.number(Numbers::n_post);
  const int64_t synapses = call.number(Numbers::n_synapses);
  const bool has_law = call.number(Numbers::law);
  check.arguments(call.shared_arrays(), has_law ? 8 : 5, 1);
  check.shared(0, n_post + 1, ffi::DataType::S32);
  check.shared(1, synapses, ffi::DataType::S32);
  check.shared(2, synapses, ffi::DataType::S32);
  if (!check) return check.error();
  const int32_t* const indptr = call.shared<int32_t>(0);
  const int32_t* const source = call.shared<int32_t>(1);
  const int32_t* const position = call.shared<int32_t>(2);
  change_weights(call, check, n_post, n_pre, synapses, has_law, [&](const auto* spikes, const auto& add) {
    for_each_spike(spikes, n_post, [&](int64_t j, auto s) {
      for (int64_t q = indptr[j]; q < indptr[j + 1]; ++q) add(position[q], source[q], s);
    });
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(add_on_pre, brainsim::add_on_pre);
BRAINSIM_HANDLER(add_on_post, brainsim::add_on_post);
