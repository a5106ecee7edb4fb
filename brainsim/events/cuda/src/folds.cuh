// Sums of what each thread has left, in an order of their own.
#ifndef BRAINSIM_FOLDS_CUH_
#define BRAINSIM_FOLDS_CUH_

#include "shim.cuh"

constexpr i64 kFold = 256;  // threads of one result

// folded[result, k] = every kFold-th of the partial sums.
KERNEL(fold)(const double* partial, double* folded, i64 results, i64 each) {
  for (i64 k = thread(); k < results * kFold; k += threads()) {
    double sum = 0.0;
    for (i64 q = k % kFold; q < each; q += kFold) sum += partial[k / kFold * each + q];
    folded[k] = sum;
  }
}
LAUNCHED(fold)

KERNEL(total)(const double* folded, Real* out, i64 results) {
  for (i64 r = thread(); r < results; r += threads()) {
    double sum = 0.0;
    for (i64 q = 0; q < kFold; ++q) sum += folded[r * kFold + q];
    out[r] += static_cast<Real>(sum);
  }
}
LAUNCHED(total)

#endif  // BRAINSIM_FOLDS_CUH_
