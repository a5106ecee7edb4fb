// The spikes of a step are sent; what is due now stays until the next one.
#include "calendar.cuh"

KERNEL(pass_on)(Batch batch, Delivery d) {
  const i64 words = words_of(d);
  ROLLED for (i64 k = thread(); k < batch.entries * words; k += threads()) go_on(d, batch, k / words, k % words, d.depth);
}
LAUNCHED(pass_on)
