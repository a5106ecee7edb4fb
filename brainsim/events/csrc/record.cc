// Spikes become (index, step) events. Operands: index, step buffer, count, step, then offset and spikes of each population;
// results: the first three. Own number: populations.
#include "call.h"
#include "contract.h"

namespace brainsim {
namespace {

ffi::Error append_events(const Call& call) {
  const Operand index = call.in_place(0, 0), when = call.in_place(1, 1), count = call.in_place(2, 2);
  const Operand step = call.operand(3);
  const int64_t capacity = index.size();
  const auto append = [&](const Operand& offset, const Operand& spikes, auto zero) {
    using S = decltype(zero);
    for (int64_t e = 0; e < call.entries(); ++e) {
      int32_t* const to = index.at<int32_t>(e);
      int32_t* const at = when.at<int32_t>(e);
      const int32_t now = *step.at<int32_t>(e), first = *offset.at<int32_t>(e);
      int32_t& total = *count.at<int32_t>(e);
      for_each_spike(spikes.at<S>(e), spikes.size(), [&](int64_t i, S) {
        if (total >= 0 && total < capacity) {
          to[total] = first + static_cast<int32_t>(i);
          at[total] = now;
        }
        ++total;
      });
    }
  };
  bool ok = true;
  for (int64_t p = 0; p < call.number(0); ++p) {
    const Operand offset = call.operand(4 + 2 * p), spikes = call.operand(5 + 2 * p);
    if (spikes.type() == ffi::DataType::PRED) append(offset, spikes, bool{});
    else ok &= with_real(spikes.type(), [&](auto zero) { append(offset, spikes, zero); });
  }
  return served(ok);
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(append_events, brainsim::append_events);
