// Weight changes at the synapses of the neurons that spike, or that spikes under way reach, in place. Every synapse is one
// thread's.
#include "delivery.cuh"

struct Law {
  Real anchor, scale, power;
  DEVICE Real operator()(Real w) const {
    const Real distance = (w < anchor ? anchor - w : w - anchor) / scale;
    if (power == Real(1)) return distance;
    if (power == Real(0)) return Real(1);
    return pow(distance, power);
  }
};

struct Change {
  Operand weight, delta, low, high, anchor, scale, power;
  i64 law;

  // Moves weight k by s delta[j] f(W) and keeps it within bounds.
  DEVICE void move(const Batch& batch, i64 e, i64 k, i64 j, Real s) const {
    Real* const w = weight.at<Real>(batch, e) + k;
    const Real least = *low.at<Real>(batch, e), most = *high.at<Real>(batch, e);
    Real change = s * delta.at<Real>(batch, e)[j];
    if (law) change *= Law{*anchor.at<Real>(batch, e), *scale.at<Real>(batch, e), *power.at<Real>(batch, e)}(*w);
    const Real moved = *w + change;
    *w = moved < least ? least : moved > most ? most : moved;
  }
};

// Values of the last steps, of n neurons in each: those of a step are in the slot that it is modulo their number. Without slots
// they are those of now.
struct Past {
  const int* step;
  i64 slots, n;

  // Where the value of a neuron is that is so many steps old.
  DEVICE i64 place_of(i64 i, i64 age) const { return slots ? wrapped(*step - age, slots) * n + i : i; }
};

// The delay of each synapse, in bytes or in whole numbers of 32 bits.
struct Delays {
  const void* each;
  i64 in_bytes;

  DEVICE i64 operator[](i64 k) const {
    return in_bytes ? static_cast<const unsigned char*>(each)[k] : static_cast<const int*>(each)[k];
  }
};

// The synapses of the neurons that spike, by rows: with `position` these are given by the view of the other side, of which
// `indices` are the neurons at the other ends. What is seen of these may be as it was a delay ago.
KERNEL(change)(Batch batch, Delivery d, Change by, const int* position, Past past, Delays delays) {
  const i64 lane = thread() % kGroup, words = words_of(d), jobs = words * d.parts * batch.entries;
  ROLLED for (i64 job = thread() / kGroup; job < jobs; job += threads() / kGroup) {
    const i64 part = job % d.parts, rest = job / d.parts, w = rest % words, e = rest / words;
    for_each_synapse(d, batch, e, w, part, lane, [&](i64 i, i64 q) {
      const i64 k = position ? position[q] : q, age = past.slots ? delays[k] : 0;
      by.move(batch, e, k, past.place_of(target_of(d, i, q), age), spike_of(d, batch, e, i));
    });
  }
}
LAUNCHED(change)

// The synapses that spikes under way reach now, by the value that their neuron had when it fired; without slots by 1.
KERNEL(change_due)(Batch batch, Delivery d, Change by, Operand values, Past past) {
  const i64 lane = thread() % kGroup, words = words_of(d), jobs = words * d.parts * batch.entries;
  ROLLED for (i64 job = thread() / kGroup; job < jobs; job += threads() / kGroup) {
    const i64 part = job % d.parts, rest = job / d.parts, w = rest % words, e = rest / words;
    for_each_aged(d, batch, e, w, part, lane, [&](i64 i, i64 k, i64 age) {
      const Real value = past.slots ? values.at<Real>(batch, e)[past.place_of(i, age)] : Real(1);
      by.move(batch, e, k, target_of(d, i, k), value);
    });
  }
}
LAUNCHED(change_due)
