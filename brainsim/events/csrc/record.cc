// Spikes become (index, step) events. Operands: index, step buffer, count, step, then offset and spikes of each population;
// results: the first three. Own numbers: Append.
#include "call.h"
#include "check.h"
#include "contract.h"

namespace brainsim {
namespace {

template <class S>
void append(const S* spikes, int64_t n, int32_t first, int32_t now, int64_t capacity, int32_t* to, int32_t* at, int32_t& total) {
  for_each_spike(spikes, n, [&](int64_t i, S) {
    if (total >= 0 && total < capacity) {
      to[total] = first + static_cast<int32_t>(i);
      at[total] = now;
    }
    ++total;
  });
}

ffi::Error append_events(const Call& call) {
  Check check(call, shared::Append::size);
  if (!check) return check.error();
  const int64_t populations = call.number(shared::Append::populations);
  check.arguments(0, 4 + 2 * populations, 3);
  if (!check) return check.error();
  const int64_t capacity = call.operand(0).size();
  for (int64_t k = 0; k < 2; ++k) check.in_place(k, k, capacity, ffi::DataType::S32);
  check.in_place(2, 2, 1, ffi::DataType::S32);
  check.operand(3, 1, ffi::DataType::S32);
  for (int64_t p = 0; p < populations; ++p) {
    check.operand(4 + 2 * p, 1, ffi::DataType::S32);
    const Operand spikes = call.operand(5 + 2 * p);
    if (spikes.type() != ffi::DataType::PRED) check.real(5 + 2 * p);
    check.operand(5 + 2 * p, spikes.size(), spikes.type());
  }
  if (!check) return check.error();
  const Operand index = call.in_place(0, 0), when = call.in_place(1, 1), count = call.in_place(2, 2);
  const Operand step = call.operand(3);
  for (int64_t p = 0; p < populations; ++p) {
    const Operand offset = call.operand(4 + 2 * p), spikes = call.operand(5 + 2 * p);
    const auto append_all = [&](auto zero) {
      using S = decltype(zero);
      for (int64_t e = 0; e < call.entries(); ++e)
        append(spikes.at<S>(e), spikes.size(), *offset.at<int32_t>(e), *step.at<int32_t>(e), capacity, index.at<int32_t>(e),
               when.at<int32_t>(e), *count.at<int32_t>(e));
    };
    if (spikes.type() == ffi::DataType::PRED) append_all(bool{});
    else with_real(spikes.type(), append_all);
  }
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(append_events, brainsim::append_events);
