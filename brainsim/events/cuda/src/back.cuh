// The other two faces of T(s, W, v) = sum over synapses of s[pre] W[synapse] v[post]: towards the weight and towards s; and the
// gradient of weights of which a calendar says which are reached. All sums are made in an order of their own: by the same
// threads, entries of a batch one after the other.
#include "delivery.cuh"
#include "folds.cuh"

// out[synapse] += s[pre] v[post], one each. `share` entries of the batch are the same thread's: those that have one result.
KERNEL(towards_weight)(Batch batch, Delivery d, Operand values, Operand out, i64 share) {
  const i64 lane = thread() % kGroup, words = words_of(d), jobs = words * d.parts * (batch.entries / (share ? share : 1));
  ROLLED for (i64 job = thread() / kGroup; job < jobs; job += threads() / kGroup) {
    const i64 part = job % d.parts, rest = job / d.parts, w = rest % words, from = rest / words * share;
    ROLLED for (i64 e = from; e < from + share; ++e) {
      const Real* const v = values.at<Real>(batch, e);
      Real* const to = out.at<Real>(batch, e);
      for_each_synapse(d, batch, e, w, part, lane, [&](i64 i, i64 k) { to[k] += spike_of(d, batch, e, i) * v[address_of(d, i, k)]; });
    }
  }
}
LAUNCHED(towards_weight)

// The same summed over all synapses: partial[entry of the result, thread]. `out` counts the results.
KERNEL(partial_total)(Batch batch, Delivery d, Operand values, Operand out, double* partial, i64 results) {
  const i64 lane = thread() % kGroup, words = words_of(d), jobs = words * d.parts;
  for (i64 r = 0; r < results; ++r) partial[r * threads() + thread()] = 0.0;
  for (i64 e = 0; e < batch.entries; ++e) {
    const Real* const v = values.at<Real>(batch, e);
    double sum = 0.0;
    ROLLED for (i64 job = thread() / kGroup; job < jobs; job += threads() / kGroup)
      for_each_synapse(d, batch, e, job / d.parts, job % d.parts, lane, [&](i64 i, i64 k) {
        sum += static_cast<double>(spike_of(d, batch, e, i) * v[address_of(d, i, k)]);
      });
    partial[out.offset(batch, e) * threads() + thread()] += sum;
  }
}
LAUNCHED(partial_total)

// partial[entry, pre, lane] = sum of W v[post] over every lanes-th synapse of the row.
KERNEL(partial_rows)(Batch batch, Delivery d, Operand values, Real* partial, i64 lanes) {
  ROLLED for (i64 k = thread(); k < batch.entries * d.n_pre * lanes; k += threads()) {
    const i64 lane = k % lanes, i = k / lanes % d.n_pre, e = k / lanes / d.n_pre, end = end_of(d, i);
    const Real* const v = values.at<Real>(batch, e);
    const Real* const w = d.weight.at<Real>(batch, e);
    Real sum = 0;
    for (i64 q = begin_of(d, i) + lane; q < end; q += lanes) sum += (d.one_weight ? Real(1) : w[q]) * v[address_of(d, i, q)];
    partial[k] = sum;
  }
}
LAUNCHED(partial_rows)

// out[pre] += the lanes of its row, in their order.
KERNEL(towards_pre)(Batch batch, Delivery d, const Real* partial, Operand out, i64 lanes, i64 share) {
  ROLLED for (i64 k = thread(); k < batch.entries / (share ? share : 1) * d.n_pre; k += threads()) {
    const i64 i = k % d.n_pre, from = k / d.n_pre * share;
    ROLLED for (i64 e = from; e < from + share; ++e) {
      Real sum = 0;
      for (i64 q = 0; q < lanes; ++q) sum += partial[(e * d.n_pre + i) * lanes + q];
      out.at<Real>(batch, e)[i] += d.one_weight ? d.weight.at<Real>(batch, e)[0] * sum : sum;
    }
  }
}
LAUNCHED(towards_pre)
