// A line that every spike of a population passes: what left it is given back, what comes takes its place.
#include "shim.cuh"

KERNEL(pass)(Batch batch, Operand ring, Operand spikes, Operand delayed, const int* step, i64 depth, i64 n) {
  i64 slot = *step % depth;
  if (slot < 0) slot += depth;
  for (i64 k = thread(); k < batch.entries * n; k += threads()) {
    const i64 e = k / n, i = k % n;
    Item* const due = ring.at<Item>(batch, e) + slot * n + i;
    delayed.at<Item>(batch, e)[i] = *due;
    *due = spikes.at<Item>(batch, e)[i];
  }
}
LAUNCHED(pass)
