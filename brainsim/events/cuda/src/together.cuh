// Deliveries, and the recording of the spikes, in the same launches.
#include "delivering.cuh"
#include "recording.cuh"

KERNEL(begin)(u64* scratch, i64 words, Batch batch, Populations recorded, Recording to) {
  clear(scratch, words);
  count_chunks(batch, recorded, to);
}
LAUNCHED(begin)

KERNEL(largest)(Batch batch, Deliveries all) { find_largest(batch, all); }
LAUNCHED(largest)

KERNEL(add)(Batch batch, Deliveries all, Populations recorded, Recording to) {
  count_spans(batch, recorded, to);
  add_all(batch, all);
}
LAUNCHED(add)

KERNEL(finish)(Batch batch, Batch kept, Deliveries all, Targets targets, Populations recorded, Recording to) {
  write_events(batch, recorded, to);
  finish_all(batch, kept, all, targets);
}
LAUNCHED(finish)
