// Deliveries alone.
#include "delivering.cuh"

KERNEL(begin)(u64* scratch, i64 words) { clear(scratch, words); }
LAUNCHED(begin)

KERNEL(largest)(Batch batch, Deliveries all) { find_largest(batch, all); }
LAUNCHED(largest)

KERNEL(add)(Batch batch, Deliveries all) { add_all(batch, all); }
LAUNCHED(add)

KERNEL(finish)(Batch batch, Batch kept, Deliveries all, Targets targets) { finish_all(batch, kept, all, targets); }
LAUNCHED(finish)
