// One delivery: who connects to whom, what spikes, and where what is added up lies. The struct is written from
// events/cuda/structs.py.
#ifndef BRAINSIM_DELIVERY_CUH_
#define BRAINSIM_DELIVERY_CUH_

#include "shim.cuh"
#include "shared.cuh"

// Threads that share the neurons of a word of 32, and then the synapses of each that spikes.
constexpr i64 kGroup = 32;

// Where the row of a neuron begins and ends.
DEVICE i64 begin_of(const Delivery& d, i64 i) {
  switch (d.layout) {
    case Layout::CSR:
    case Layout::CSR_16: return d.indptr[i];
    case Layout::ONE_TO_ONE: return i;
    case Layout::DENSE: return i * d.n_post;
    default: return i * d.fan_out;
  }
}

DEVICE i64 end_of(const Delivery& d, i64 i) {
  switch (d.layout) {
    case Layout::CSR:
    case Layout::CSR_16: return d.indptr[i + 1];
    case Layout::ONE_TO_ONE: return i + 1;
    case Layout::DENSE: return (i + 1) * d.n_post;
    default: return (i + 1) * d.fan_out;
  }
}

DEVICE i64 target_of(const Delivery& d, i64 i, i64 k) {
  switch (d.layout) {
    case Layout::CSR_16:
    case Layout::FIXED_FAN_OUT_16: return static_cast<const unsigned short*>(d.indices)[k];
    case Layout::ONE_TO_ONE: return i;
    case Layout::DENSE: return k - i * d.n_post;
    default: return static_cast<const int*>(d.indices)[k];
  }
}

DEVICE i64 wrapped(i64 x, i64 n) {
  const i64 rest = x % n;
  return rest < 0 ? rest + n : rest;
}

// Where synapse k finds target j: among the targets, or in a ring [depth, n_post] after the synapse's delay.
DEVICE i64 address_of(const Delivery& d, i64 i, i64 k) {
  const i64 j = target_of(d, i, k);
  if (d.ring == 0) return j;
  return wrapped(static_cast<i64>(*d.step) + d.of_synapses[k], d.ring) * d.n_post + j;
}

// Whether a neuron spikes; the value of its spike.
DEVICE bool spikes_at(const Delivery& d, const Batch& batch, i64 e, i64 i) {
  const i64 at = d.spikes.offset(batch, e) + d.source_at + i;
  return d.whole ? static_cast<const bool*>(d.spikes.data)[at] : static_cast<const Real*>(d.spikes.data)[at] != Real(0);
}

DEVICE Real spike_of(const Delivery& d, const Batch& batch, i64 e, i64 i) {
  if (d.whole) return Real(1);
  return static_cast<const Real*>(d.spikes.data)[d.spikes.offset(batch, e) + d.source_at + i];
}

DEVICE u32 lowest_bits(i64 count) { return count >= 32 ? ~0u : (1u << count) - 1u; }

// Which of the 32 neurons from `first` on spike, one bit each.
DEVICE u32 word_of(const Delivery& d, const Batch& batch, i64 e, i64 first) {
  const i64 count = d.n_pre - first < 32 ? d.n_pre - first : 32;
  const i64 at = d.spikes.offset(batch, e) + d.source_at + first;
  u32 word = 0;
  if (!d.whole) {
    const Real* const s = static_cast<const Real*>(d.spikes.data) + at;
    ROLLED for (i64 q = 0; q < count; ++q) word |= static_cast<u32>(s[q] != Real(0)) << q;
    return word;
  }
  const unsigned char* const s = static_cast<const unsigned char*>(d.spikes.data) + at;
  if (count == 32 && reinterpret_cast<u64>(s) % 4 == 0) {  // four at a time, of which mostly none spikes
    const u32* const fours = reinterpret_cast<const u32*>(s);
    for (i64 q = 0; q < 8; ++q)
      if (const u32 four = fours[q])
        ROLLED for (i64 b = 0; b < 4; ++b) word |= static_cast<u32>((four >> 8 * b & 255u) != 0) << (4 * q + b);
    return word;
  }
  ROLLED for (i64 q = 0; q < count; ++q) word |= static_cast<u32>(s[q] != 0) << q;
  return word;
}

// Slot in which the spikes of a step are kept; see events/calendar.py.
DEVICE i64 slot_now(const Delivery& d) { return wrapped(*d.step, 32 * d.words); }

// How many steps ago the last spike in a slot was: 1 to the number of slots.
DEVICE i64 age_of(const Delivery& d, i64 now, i64 slot) {
  const i64 slots = 32 * d.words;
  return wrapped(now - 1 - slot, slots) + 1;
}

// Calls f(neuron, begin, end, age) for the synapses that are reached now, of the neurons of word w: those of spikes of this step
// or, with a calendar, of spikes that are due, which are so many steps old.
template <class F>
DEVICE void for_each_run(const Delivery& d, const Batch& batch, i64 e, i64 w, F&& f) {
  const i64 first = 32 * w;
  if (d.depth == 0) {
    u32 word = word_of(d, batch, e, first);
    ROLLED for (i64 i = first; word; ++i, word >>= 1)
      if (word & 1u) f(i, begin_of(d, i), end_of(d, i), 0);
    return;
  }
  const i64 left = d.n_pre - first, now = slot_now(d);
  u32 word = d.waiting.at<u32>(batch, e)[w] & lowest_bits(left);
  ROLLED for (i64 i = first; word; ++i, word >>= 1) {
    if (!(word & 1u)) continue;
    const u32* const fired = d.fired.at<u32>(batch, e) + i * d.words;
    const int* const row = d.begins + i * (d.depth + 1);
    ROLLED for (i64 v = 0; v < d.words; ++v) {
      u32 bits = fired[v];
      ROLLED for (i64 slot = 32 * v; bits; ++slot, bits >>= 1) {
        if (!(bits & 1u)) continue;
        const i64 age = age_of(d, now, slot);
        if (age <= d.depth) f(i, static_cast<i64>(row[age - 1]), static_cast<i64>(row[age]), age);
      }
    }
  }
}

// The synapse in a place of the rows, which those of a calendar may list in another order.
DEVICE i64 synapse_at(const Delivery& d, i64 place) { return d.depth && d.of_synapses ? d.of_synapses[place] : place; }

// The same for the synapses that belong to one thread of a group: f(neuron, synapse, age).
template <class F>
DEVICE void for_each_aged(const Delivery& d, const Batch& batch, i64 e, i64 w, i64 part, i64 lane, F&& f) {
  for_each_run(d, batch, e, w, [&](i64 i, i64 begin, i64 end, i64 age) {
    for (i64 q = begin + part * kGroup + lane; q < end; q += kGroup * d.parts) f(i, synapse_at(d, q), age);
  });
}

// f(neuron, synapse), where the age does not matter.
template <class F>
DEVICE void for_each_synapse(const Delivery& d, const Batch& batch, i64 e, i64 w, i64 part, i64 lane, F&& f) {
  for_each_aged(d, batch, e, w, part, lane, [&](i64 i, i64 k, i64) { f(i, k); });
}

DEVICE i64 words_of(const Delivery& d) { return (d.n_pre + 31) / 32; }

// Whether weights are of 16 bits. In a program without any, nothing is compiled for them.
#ifndef HALVES
#define HALVES 0
#endif
DEVICE bool of_16_bits(const Delivery& d) { return HALVES && d.half; }

// The weights of an entry, in the type in which they are kept.
template <class Weight>
struct Weights {
  const Weight* each;
  bool one;

  DEVICE Weights(const Delivery& d, const Batch& batch, i64 e) : each(d.weight.at<Weight>(batch, e)), one(d.one_weight) {}
  DEVICE Real operator[](i64 k) const { return static_cast<Real>(each[one ? 0 : k]); }
};

#endif  // BRAINSIM_DELIVERY_CUH_
