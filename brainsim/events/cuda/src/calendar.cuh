// What is under way from step to step: when neurons fired, see events/calendar.py.
#ifndef BRAINSIM_CALENDAR_CUH_
#define BRAINSIM_CALENDAR_CUH_

#include "delivery.cuh"

// What is under way after a step, of the 32 neurons of a word: spikes of this step are noted, and those forgotten that are older
// than `oldest` steps, or reach nothing, now or later.
DEVICE void go_on(const Delivery& d, const Batch& batch, i64 e, i64 w, i64 oldest) {
  const i64 first = 32 * w, now = slot_now(d);
  const u32 sent = word_of(d, batch, e, first);
  u32* const waiting = d.waiting.at<u32>(batch, e) + w;
  const u32 waits = *waiting & lowest_bits(d.n_pre - first);
  u32 after = sent;
  ROLLED for (i64 q = 0; q < 32; ++q) {
    if (!((waits | sent) >> q & 1u)) continue;
    const i64 i = first + q;
    u32* const fired = d.fired.at<u32>(batch, e) + i * d.words;
    const int* const row = d.begins + i * (d.depth + 1);
    u32 any = 0;
    if (waits >> q & 1u) {
      ROLLED for (i64 v = 0; v < d.words; ++v) {
        u32 left = fired[v];
        ROLLED for (i64 b = 0; b < 32; ++b) {
          if (!(left >> b & 1u)) continue;
          const i64 age = age_of(d, now, 32 * v + b);
          if (age > oldest || row[age - 1] == row[d.depth]) left &= ~(1u << b);
        }
        fired[v] = left;
        any |= left;
      }
    }
    if (any) after |= 1u << q;
    if (sent >> q & 1u) fired[now / 32] |= 1u << now % 32;
  }
  *waiting = after;
}

#endif  // BRAINSIM_CALENDAR_CUH_
