// Ring buffers in time, touched by one handler per step so that XLA keeps them in place.
#include "call.h"
#include "check.h"
#include "connectivity.h"
#include "contract.h"
#include "half.h"

namespace brainsim {
namespace {

// Adds the slot that is due to `sum` and clears it; then each spike adds its weight `delay` slots ahead.
template <bool kScalar, class Conn, class S, class W, class T>
void pass(const Conn& conn, const InRing& at, const S* spikes, const W* weight, T* ring, T* __restrict sum) {
  T* __restrict due = ring + at.now * conn.n_post;
  for (int64_t j = 0; j < conn.n_post; ++j) sum[j] += due[j];
  std::memset(due, 0, conn.n_post * sizeof(T));
  towards_post<kScalar>(conn, at, spikes, weight, ring);
}

// Operands: spikes, weight, ring, into; results: into, ring. Shared: connectivity, delay, step. Own numbers: connectivity,
// Ring. Weights of listed synapses may be of 16 bits.
ffi::Error deliver_delayed(const Call& call) {
  constexpr int64_t kOwn = shared::Connectivity::size;
  Check check(call, kOwn + shared::Ring::size);
  with_connectivity(call, check, 0, 0, [&](const auto& conn) {
    const int64_t depth = call.number(kOwn + shared::Ring::depth);
    check.that(depth > 0, "numbers", kOwn, "are not positive");
    check.arguments(conn.arrays + 2, 4, 2);
    check.shared(conn.arrays, conn.synapses, ffi::DataType::S32);
    check.shared(conn.arrays + 1, 1, ffi::DataType::S32);
    const ffi::DataType real = check.real(2);
    check.spikes(0, conn.n_pre, real);
    constexpr bool kHalves = kHasRows<std::decay_t<decltype(conn)>>;
    const bool half = kHalves && call.operands() > 1 && call.operand(1).type() == ffi::DataType::F16;
    check.one_or_each(1, conn.synapses, half ? ffi::DataType::F16 : real);
    check.in_place(1, 2, depth * conn.n_post, real);
    check.in_place(0, 3, conn.n_post, real);
    if (!check) return;
    const Ring address{call.shared<int32_t>(conn.arrays), call.shared<int32_t>(conn.arrays + 1), depth, conn.n_post};
    const Operand spikes = call.operand(0), weight = call.operand(1);
    const Operand into = call.in_place(0, 3), ring = call.in_place(1, 2);
    with_real(real, [&](auto zero) {
      using T = decltype(zero);
      with_spikes<T>(spikes.type(), [&](auto none) {
        using S = decltype(none);
        const InRing at = address.here();
        const auto step = [&](int64_t e, const auto* w) {
          if (weight.size() == 1) pass<true>(conn, at, spikes.at<S>(e), w, ring.at<T>(e), into.at<T>(e));
          else pass<false>(conn, at, spikes.at<S>(e), w, ring.at<T>(e), into.at<T>(e));
        };
        for (int64_t e = 0; e < call.entries(); ++e) {
          if constexpr (kHalves) {
            if (half) {
              step(e, weight.at<Half>(e));
              continue;
            }
          }
          step(e, weight.at<T>(e));
        }
      });
    });
  });
  return check.error();
}

// Operands: ring, spikes; results: ring, delayed. Shared: step. Own numbers: Line.
ffi::Error delay_line(const Call& call) {
  using Numbers = shared::Line;
  Check check(call, Numbers::size);
  if (!check) return check.error();
  const int64_t depth = call.number(Numbers::depth), n = call.number(Numbers::n);
  check.that(depth > 0 && n >= 0, "numbers", 0, "are not positive");
  check.arguments(1, 2, 2);
  check.shared(0, 1, ffi::DataType::S32);
  if (!check) return check.error();
  const ffi::DataType type = call.operand(0).type();
  const int64_t bytes = n * static_cast<int64_t>(ffi::ByteWidth(type));
  check.operand(1, n, type);
  check.in_place(0, 0, depth * n, type);
  check.result(1, n, type);
  if (!check) return check.error();
  const Operand spikes = call.operand(1), ring = call.in_place(0, 0), delayed = call.result(1);
  const int64_t slot = Ring{nullptr, call.shared<int32_t>(0), depth, n}.here().now;
  for (int64_t e = 0; e < call.entries(); ++e) {
    char* const due = ring.bytes_at(e) + slot * bytes;
    std::memcpy(delayed.bytes_at(e), due, bytes);
    std::memcpy(due, spikes.bytes_at(e), bytes);
  }
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(deliver_delayed, brainsim::deliver_delayed);
BRAINSIM_HANDLER(delay_line, brainsim::delay_line);
