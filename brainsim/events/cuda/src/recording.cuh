// Spikes become (index, step) events, in the order of the neurons: how many there are is counted for each chunk of neurons, then
// for each span of chunks, and a chunk writes its events where those before it end.
#ifndef BRAINSIM_RECORDING_CUH_
#define BRAINSIM_RECORDING_CUH_

#include "shared.cuh"
#include "shim.cuh"

constexpr i64 kChunk = 64, kSpan = 128;  // neurons, chunks

template <class F>
DEVICE void for_each_spike(const Batch& batch, const Populations& all, i64 e, i64 chunk, F&& f) {
  i64 q = 0;
  ROLLED while (q + 1 < all.count && chunk >= all.each[q + 1].first_chunk) ++q;
  const Population& p = all.each[q];
  const i64 begin = (chunk - p.first_chunk) * kChunk, end = begin + kChunk < p.n ? begin + kChunk : p.n;
  const Spike* const s = p.spikes.at<Spike>(batch, e) + p.at;
  ROLLED for (i64 i = begin; i < end; ++i)
    if (s[i] != Spike(0)) f(p, i);
}

DEVICE i64 spans_of(const Populations& all) { return (all.chunks + kSpan - 1) / kSpan; }

DEVICE void count_chunks(const Batch& batch, const Populations& all, const Recording& to) {
  ROLLED for (i64 k = thread(); k < batch.entries * all.chunks; k += threads()) {
    const i64 e = k / all.chunks, chunk = k % all.chunks;
    if (chunk == 0) to.starts[e] = *to.total.at<int>(batch, e);
    int count = 0;
    for_each_spike(batch, all, e, chunk, [&](const Population&, i64) { ++count; });
    to.counts[k] = count;
  }
}

DEVICE void count_spans(const Batch& batch, const Populations& all, const Recording& to) {
  const i64 each = spans_of(all);
  ROLLED for (i64 k = thread(); k < batch.entries * each; k += threads()) {
    const i64 e = k / each, begin = k % each * kSpan, end = begin + kSpan < all.chunks ? begin + kSpan : all.chunks;
    int count = 0;
    for (i64 c = begin; c < end; ++c) count += to.counts[e * all.chunks + c];
    to.spans[k] = count;
  }
}

// The last chunk says how many there are then.
DEVICE void write_events(const Batch& batch, const Populations& all, const Recording& to) {
  ROLLED for (i64 k = thread(); k < batch.entries * all.chunks; k += threads()) {
    const i64 e = k / all.chunks, chunk = k % all.chunks;
    const bool last = chunk + 1 == all.chunks;
    if (to.counts[k] == 0 && !last) continue;
    int at = to.starts[e];
    for (i64 s = 0; s < chunk / kSpan; ++s) at += to.spans[e * spans_of(all) + s];
    for (i64 c = chunk / kSpan * kSpan; c < chunk; ++c) at += to.counts[e * all.chunks + c];
    int* const index = to.index.at<int>(batch, e);
    int* const when = to.when.at<int>(batch, e);
    const int now = *to.step.at<int>(batch, e);
    for_each_spike(batch, all, e, chunk, [&](const Population& p, i64 i) {
      if (at >= 0 && at < to.capacity) index[at] = *p.offset.at<int>(batch, e) + static_cast<int>(i), when[at] = now;
      ++at;
    });
    if (last) *to.total.at<int>(batch, e) = at;
  }
}

#endif  // BRAINSIM_RECORDING_CUH_
