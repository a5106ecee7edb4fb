// What goes into a loop of steps and what comes out of it: one call each, whatever the number of arrays.
#include <cstring>

#include "call.h"
#include "check.h"

namespace brainsim {
namespace {

// Copies of all operands, and behind them results that are what memory XLA found for them. Own numbers: how many are copied, and
// the bytes of each result.
ffi::Error fresh(const Call& call) {
  Check check(call, 1);
  if (!check) return check.error();
  const int64_t copied = call.number(0), results = call.numbers() - 1;
  check.arguments(0, copied, results);
  check.that(copied <= results, "results", 0, "are fewer than operands");
  check.that(call.entries() == 1, "batch", 0, "is none");
  if (!check) return check.error();
  const auto bytes = [](const Operand& x) { return x.size() * static_cast<int64_t>(ffi::ByteWidth(x.type())); };
  for (int64_t k = 0; k < results; ++k) {
    const Operand to = call.result(k);
    if (k < copied) check.operand(k, to.size(), to.type());
    check.that(bytes(to) == call.number(1 + k), "result", k, "has another number of bytes");
  }
  if (!check) return check.error();
  for (int64_t k = 0; k < copied; ++k)
    if (const int64_t n = bytes(call.result(k)))
      std::memcpy(call.result(k).bytes_at(0), call.operand(k).bytes_at(0), static_cast<size_t>(n));
  return check.error();
}

// An exponent of ones is that of infinity and of what is no number.
template <class T, class Bits>
bool all_finite(const T* x, int64_t n) {
  constexpr Bits exponent = sizeof(T) == 4 ? static_cast<Bits>(0x7f800000u) : static_cast<Bits>(0x7ff0000000000000ull);
  constexpr int64_t chunk = 4096;
  for (int64_t begin = 0; begin < n; begin += chunk) {
    const int64_t end = begin + chunk < n ? begin + chunk : n;
    Bits bad = 0;
    for (int64_t i = begin; i < end; ++i) {
      Bits bits;
      std::memcpy(&bits, x + i, sizeof bits);
      bad |= static_cast<Bits>((bits & exponent) == exponent);
    }
    if (bad) return false;
  }
  return true;
}

// Whether each operand is finite. Own numbers: the elements of each.
ffi::Error finite(const Call& call) {
  Check check(call, call.operands());
  check.arguments(0, call.operands(), 1);
  check.that(call.entries() == 1, "batch", 0, "is none");
  for (int64_t k = 0; check && k < call.operands(); ++k) {
    const ffi::DataType type = check.real(k);
    check.operand(k, call.number(k), type);
  }
  check.result(0, call.operands(), ffi::DataType::PRED);
  if (!check) return check.error();
  bool* good = call.result(0).at<bool>(0);
  for (int64_t k = 0; k < call.operands(); ++k) {
    const Operand x = call.operand(k);
    good[k] = x.type() == ffi::DataType::F32 ? all_finite<float, uint32_t>(x.at<float>(0), x.size())
                                             : all_finite<double, uint64_t>(x.at<double>(0), x.size());
  }
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(fresh, brainsim::fresh);
BRAINSIM_HANDLER(finite, brainsim::finite);
