// Weight changes at the synapses of the neurons that spike, in place. Every synapse is one thread's.
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

// The synapses of the neurons that spike, by rows: with `position` these are given by the view of the other side, of which
// `indices` are the neurons at the other ends.
KERNEL(change)(Batch batch, Delivery d, Change by, const int* position) {
  const i64 lane = thread() % kGroup, words = words_of(d), jobs = words * d.parts * batch.entries;
  ROLLED for (i64 job = thread() / kGroup; job < jobs; job += threads() / kGroup) {
    const i64 part = job % d.parts, rest = job / d.parts, w = rest % words, e = rest / words;
    for_each_synapse(d, batch, e, w, part, lane, [&](i64 i, i64 k) {
      by.move(batch, e, position ? position[k] : k, target_of(d, i, k), spike_of(d, batch, e, i));
    });
  }
}
LAUNCHED(change)
