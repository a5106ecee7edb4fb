// Spikes to their targets, several connectivities in the same launches. What reaches a target is added up in whole
// numbers, see sums.cuh, and goes into it in the end; with one weight for all and spikes that are bool these are counts.
#ifndef BRAINSIM_DELIVERING_CUH_
#define BRAINSIM_DELIVERING_CUH_

#include "calendar.cuh"
#include "delivery.cuh"
#include "sums.cuh"

DEVICE double largest_of(const Delivery& d, i64 kept) { return real_of(d.largest[kept]); }

// What was added up for one place, of one of the entries that the targets have.
DEVICE Real value_of(const Delivery& d, const Batch& batch, i64 kept, i64 at) {
  if (d.counts) {
    const u32 count = reinterpret_cast<const u32*>(d.sums)[kept * d.size + at];
    if (!count) return Real(0);
    const Real weight = of_16_bits(d) ? Weights<Half>(d, batch, kept)[0] : Weights<Real>(d, batch, kept)[0];
    return weight * static_cast<Real>(count);
  }
  return static_cast<Real>(read_value(d.sums + (kept * d.size + at) * kWidth, d.fan_in, largest_of(d, kept)));
}

// Calls f(delivery, entry, word of neurons, part, lane) for what belongs to this thread.
template <class F>
DEVICE void for_each_group(const Deliveries& all, F&& f) {
  const i64 lane = thread() % kGroup;
  ROLLED for (i64 group = thread() / kGroup; group < all.groups; group += threads() / kGroup) {
    i64 k = 0;
    ROLLED while (k + 1 < all.count && group >= all.each[k + 1].first_group) ++k;
    const Delivery& d = all.each[k];
    const i64 own = group - d.first_group, words = words_of(d), part = own % d.parts, rest = own / d.parts;
    f(d, rest / words, rest % words, part, lane);
  }
}

// The largest of the values that a thread adds, by the bits of its magnitude.
template <class Weight>
DEVICE u64 largest_of_own(const Delivery& d, const Batch& batch, i64 e, i64 w, i64 part, i64 lane) {
  const Weights<Weight> weight(d, batch, e);
  u64 most = 0;
  for_each_synapse(d, batch, e, w, part, lane, [&](i64 i, i64 k) {
    const u64 bits = magnitude_of(static_cast<double>(spike_of(d, batch, e, i) * weight[k]));
    most = bits > most ? bits : most;
  });
  return most;
}

DEVICE void find_largest(const Batch& batch, const Deliveries& all) {
  for_each_group(all, [&](const Delivery& d, i64 e, i64 w, i64 part, i64 lane) {
    if (d.counts) return;
    const u64 most = of_16_bits(d) ? largest_of_own<Half>(d, batch, e, w, part, lane) : largest_of_own<Real>(d, batch, e, w, part, lane);
    if (most) atomicMax(d.largest + d.kept.offset(batch, e), most);
  });
}

// Adds the values of a thread.
template <class Weight>
DEVICE void add_own(const Delivery& d, const Batch& batch, i64 e, i64 w, i64 part, i64 lane) {
  const Weights<Weight> weight(d, batch, e);
  const i64 kept = d.kept.offset(batch, e), base = kept * d.size;
  const int shift = shift_of(d.fan_in, largest_of(d, kept));
  for_each_synapse(d, batch, e, w, part, lane, [&](i64 i, i64 k) {
    const double value = static_cast<double>(spike_of(d, batch, e, i) * weight[k]);
    add_value(d.sums + (base + address_of(d, i, k)) * kWidth, value, shift);
  });
}

DEVICE void add_all(const Batch& batch, const Deliveries& all) {
  for_each_group(all, [&](const Delivery& d, i64 e, i64 w, i64 part, i64 lane) {
    if (d.counts) {
      u32* const counts = reinterpret_cast<u32*>(d.sums) + d.kept.offset(batch, e) * d.size;
      for_each_synapse(d, batch, e, w, part, lane, [&](i64 i, i64 k) { atomicAdd(counts + address_of(d, i, k), 1u); });
    } else if (of_16_bits(d)) {
      add_own<Half>(d, batch, e, w, part, lane);
    } else {
      add_own<Real>(d, batch, e, w, part, lane);
    }
  });
}

// What was added up goes into the targets, in the order of the deliveries; calendars go on by a step.
DEVICE void finish_all(const Batch& batch, const Batch& kept, const Deliveries& all, const Targets& targets) {
  ROLLED for (i64 k = thread(); k < targets.elements + all.words; k += threads()) {
    if (k >= targets.elements) {
      i64 d = 0;
      ROLLED while (d + 1 < all.count && k - targets.elements >= all.each[d + 1].first_word) ++d;
      const i64 own = k - targets.elements - all.each[d].first_word, words = words_of(all.each[d]);
      go_on(all.each[d], batch, own / words, own % words, all.each[d].depth - 1);
      continue;
    }
    i64 t = 0;
    ROLLED while (t + 1 < targets.count && k >= targets.each[t + 1].first) ++t;
    const Target& target = targets.each[t];
    const i64 own = k - target.first, entry = own / target.size, at = own % target.size;
    Real* const into = static_cast<Real*>(target.into) + own;
    Real sum = *into;
    if (target.due) {  // a ring: the slot that is due now is added elsewhere, and is empty then
      const i64 n = all.each[0].n_post;
      if (at / n == wrapped(*all.each[0].step, all.each[0].ring)) {
        static_cast<Real*>(target.due)[entry * n + at % n] += sum;
        sum = Real(0);
      }
    }
    ROLLED for (i64 d = 0; d < all.count; ++d) {
      const Delivery& from = all.each[d];
      const i64 place = at - from.target_at;
      if (from.target == t && place >= 0 && place < from.size) sum += value_of(from, kept, entry, place);
    }
    *into = sum;
  }
}

#endif  // BRAINSIM_DELIVERING_CUH_
