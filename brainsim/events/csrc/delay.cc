// Ring buffers in time, touched by one handler per step so that XLA keeps them in place.
#include "call.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

// Operands: spikes, weight, ring, into; results: into, ring. Own numbers: connectivity, depth.
// The slot that is due is added to `into` and cleared; then each spike adds its weight `delay` slots ahead.
ffi::Error deliver_delayed(const Call& call) {
  const int64_t depth = call.number(kConnectivityNumbers), n_post = call.number(2);
  return served(with_connectivity(call, [&](const auto& conn) {
    const InRing at(call.shared<int32_t>(conn.arrays), *call.shared<int32_t>(conn.arrays + 1), depth, n_post);
    const Operand spikes = call.operand(0), weight = call.operand(1);
    const Operand into = call.in_place(0, 3), ring = call.in_place(1, 2);
    bool ok = false;
    with_real(ring.type(), [&](auto real) {
      using T = decltype(real);
      ok = with_spikes<T>(spikes.type(), [&](auto zero) {
        using S = decltype(zero);
        for (int64_t e = 0; e < call.entries(); ++e) {
          T* __restrict due = ring.at<T>(e) + at.now * n_post;
          T* __restrict sum = into.at<T>(e);
          for (int64_t j = 0; j < n_post; ++j) sum[j] += due[j];
          std::memset(due, 0, n_post * sizeof(T));
          if (weight.size() == 1) towards_post<true>(conn, at, spikes.at<S>(e), weight.at<T>(e), ring.at<T>(e));
          else towards_post<false>(conn, at, spikes.at<S>(e), weight.at<T>(e), ring.at<T>(e));
        }
      });
    });
    return ok;
  }));
}

// Operands: ring, spikes; results: ring, delayed. Shared: step. Own numbers: depth, bytes of one slot.
ffi::Error delay_line(const Call& call) {
  const int64_t depth = call.number(0), bytes = call.number(1);
  const int64_t slot = InRing(nullptr, *call.shared<int32_t>(0), depth, 0).now;
  const Operand spikes = call.operand(1), ring = call.in_place(0, 0), delayed = call.result(1);
  char* const base = ring.at<char>(0);
  for (int64_t e = 0; e < call.entries(); ++e) {
    char* const due = base + (e * depth + slot) * bytes;
    std::memcpy(delayed.at<char>(0) + e * bytes, due, bytes);
    std::memcpy(due, spikes.at<char>(0) + e * bytes, bytes);
  }
  return ffi::Error::Success();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(deliver_delayed, brainsim::deliver_delayed);
BRAINSIM_HANDLER(delay_line, brainsim::delay_line);
