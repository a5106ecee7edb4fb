// Sums that do not depend on the order in which threads come: whole numbers are added. Values are multiplied by the power of
// two at which their largest possible sum fills 62 bits, in float64 with 40 bits more in a second number.
#ifndef BRAINSIM_SUMS_CUH_
#define BRAINSIM_SUMS_CUH_

#include "shim.cuh"

constexpr i64 kWidth = sizeof(Real) == 4 ? 1 : 2;  // whole numbers of one sum

// Of the sum of up to 2^fan_in values, of which the largest is this. Where it is not finite, nothing is added.
DEVICE int shift_of(i64 fan_in, double largest) {
  if (!(largest > 0.0) || !isfinite(largest)) return 0;
  const int exponent = static_cast<int>(bits_of(largest) >> 52) - 1022;  // denormal numbers count as the smallest
  const int shift = 62 - static_cast<int>(fan_in) - exponent;
  return shift < 900 ? shift : 900;
}

DEVICE double power_of_two(int x) { return real_of(static_cast<u64>(x + 1023) << 52); }

DEVICE u64 magnitude_of(double x) { return bits_of(x) & ~(1ull << 63); }

DEVICE void add_value(u64* sum, double value, int shift) {
  if (!isfinite(value)) return;
  const double scaled = value * power_of_two(shift), whole = rint(scaled);
  atomicAdd(sum, static_cast<u64>(static_cast<i64>(whole)));
  if (kWidth == 2) {
    const double rest = rint((scaled - whole) * 0x1.0p40);
    if (rest != 0.0) atomicAdd(sum + 1, static_cast<u64>(static_cast<i64>(rest)));
  }
}

// What was added up; not a number where anything was not finite.
DEVICE double read_value(const u64* sum, i64 fan_in, double largest) {
  if (!isfinite(largest)) return largest - largest;
  double found = static_cast<double>(static_cast<i64>(sum[0]));
  if (kWidth == 2) found += static_cast<double>(static_cast<i64>(sum[1])) * 0x1.0p-40;
  return found * power_of_two(-shift_of(fan_in, largest));
}

DEVICE void clear(u64* scratch, i64 words) {
  for (i64 k = thread(); k < words; k += threads()) scratch[k] = 0;
}

#endif  // BRAINSIM_SUMS_CUH_
