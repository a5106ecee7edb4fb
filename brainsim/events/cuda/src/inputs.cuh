// Poisson input of several populations, each with one mean for all of its neurons.
#include "draws.cuh"

KERNEL(add_inputs)(Batch batch, Inputs all) {
  ROLLED for (i64 k = thread(); k < all.elements; k += threads()) {
    i64 q = 0;
    ROLLED while (q + 1 < all.count && k >= all.each[q + 1].first) ++q;
    const Input& input = all.each[q];
    const i64 e = (k - input.first) / input.n, i = (k - input.first) % input.n;
    const Mean* const mean = input.mean.at<Mean>(batch, e);
    const Mean* const weight = input.weight.at<Mean>(batch, e);
    Mean* const into = input.into.at<Mean>(batch, e);
    poisson(input.key.at<u32>(batch, e), *input.step.at<u32>(batch, e), mean, true, static_cast<double>(*mean), input.n, i,
            [&](i64 at, i64 count) { into[at] += weight[input.one_weight ? 0 : at] * static_cast<Mean>(count); });
  }
}
LAUNCHED(add_inputs)
