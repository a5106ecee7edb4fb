// Recording alone.
#include "recording.cuh"

KERNEL(count_events)(Batch batch, Populations all, Recording to) { count_chunks(batch, all, to); }
LAUNCHED(count_events)

KERNEL(sum_events)(Batch batch, Populations all, Recording to) { count_spans(batch, all, to); }
LAUNCHED(sum_events)

KERNEL(record_events)(Batch batch, Populations all, Recording to) { write_events(batch, all, to); }
LAUNCHED(record_events)
