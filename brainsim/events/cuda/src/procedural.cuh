// T(s, W, v) for connectivity that is made anew from a key at every spike, as csrc/procedural.cc: the same targets and weights,
// bit for bit. A row of fixed probability is one thread's, since a target depends on the one before.
#include "folds.cuh"
#include "philox.cuh"
#include "shared.cuh"
#include "sums.cuh"

// What one of the drawn whole numbers stands for.
DEVICE double unit_of(const Rows& r) { return power_of_two(-static_cast<int>(r.exponent)); }

// The whole number that a word stands for; see Quantiles.
DEVICE int drawn_at(const int* table, u32 word) {
  const u32 tail = word << 1;
  u32 octave = 0;
  while (octave < 31 && !((tail | 1u) << octave >> 31)) ++octave;
  const u32 place = tail << octave << 1;
  const int* const node = table + ((word >> 31) * Quantile::OCTAVES + octave) * (Quantile::SEGMENTS + 1) + (place >> 27);
  const int change = node[1] - node[0];
  const u32 size = static_cast<u32>(change < 0 ? -change : change);
  const int moved = static_cast<int>(static_cast<u64>(size) * (place << 5) >> 32);
  return change < 0 ? node[0] - moved : node[0] + moved;
}

DEVICE Block words_at(const Rows& r, i64 i, u32 first, u32 purpose) {
  return philox(r.key[0], r.key[1], Block{{first, static_cast<u32>(i), 0u, purpose}});
}

// Calls f(target, drawn) for every synapse of row i; where out-degrees are given for those of one lane.
template <class F>
DEVICE void for_each_target(const Rows& r, i64 i, i64 lane, i64 lanes, F&& f) {
  const u32 size = static_cast<u32>(r.post_end - r.post_begin);
  const bool excluded = !r.loops && i >= r.post_begin && i < r.post_end;
  const u32 own = excluded ? static_cast<u32>(i - r.post_begin) : size;
  if (r.rule != Rule::FIXED_PROBABILITY) {
    const bool in_blocks = r.rule == Rule::OUT_DEGREES;
    if (size == 0) return;
    const u32* const ends = in_blocks ? r.ends + (i - r.pre_begin) * r.parameter : nullptr;
    const u32 k = in_blocks ? ends[r.parameter - 1] : static_cast<u32>(r.parameter);
    u32 block = 0, begin = 0, end = size;
    for (u64 first = lane; 4 * first < k; first += lanes) {
      const Block words = words_at(r, i, static_cast<u32>(first), Purpose::TARGETS);
      const Block weights = r.table ? words_at(r, i, static_cast<u32>(first), Purpose::WEIGHTS) : Block{};
      for (u32 q = 0; q < 4 && 4 * first + q < k; ++q) {
        if (in_blocks) {
          while (ends[block] <= 4 * first + q) ++block;
          begin = r.bounds[block], end = r.bounds[block + 1];
        }
        const bool here = excluded && begin <= own && own < end;
        u32 target = begin + static_cast<u32>(static_cast<u64>(words.word[q]) * (end - begin - (here ? 1u : 0u)) >> 32);
        target += here && target >= own;
        f(r.post_begin + target, r.table ? drawn_at(r.table, weights.word[q]) : 1);
      }
    }
    return;
  }
  if (lane != 0) return;
  const u32 bits = static_cast<u32>(r.parameter), escape = (1u << bits) - 1u;
  u32 at = 0;
  for (u32 first = 0; at < size; ++first) {
    const Block words = words_at(r, i, first, Purpose::TARGETS);
    const Block weights = r.table ? words_at(r, i, first, Purpose::WEIGHTS) : Block{};
    for (u32 q = 0; q < 4 && at < size; ++q) {
      const u32 column = words.word[q] >> (32 - bits);
      const u32 gap = words.word[q] << bits < r.threshold[column] ? column : r.alias[column];
      at += gap;
      if (gap == escape) continue;
      if (at < size && at != own) f(r.post_begin + at, r.table ? drawn_at(r.table, weights.word[q]) : 1);
      ++at;
    }
  }
}

DEVICE bool spikes_at(const Rows& r, const Batch& batch, i64 e, i64 i) {
  const i64 at = r.spikes.offset(batch, e) + i;
  return r.whole ? static_cast<const bool*>(r.spikes.data)[at] : static_cast<const Real*>(r.spikes.data)[at] != Real(0);
}

DEVICE Real spike_of(const Rows& r, const Batch& batch, i64 e, i64 i) {
  return r.whole ? Real(1) : static_cast<const Real*>(r.spikes.data)[r.spikes.offset(batch, e) + i];
}

// Nothing is there yet.
KERNEL(begin)(u64* scratch, i64 words) { clear(scratch, words); }
LAUNCHED(begin)

// The largest spike of each entry that the result has, where spikes are not all 1.
KERNEL(largest_spike)(Batch batch, Rows r, u64* largest) {
  const i64 n = r.pre_end - r.pre_begin;
  ROLLED for (i64 k = thread(); k < batch.entries * n; k += threads()) {
    const u64 bits = magnitude_of(static_cast<double>(spike_of(r, batch, k / n, r.pre_begin + k % n)));
    if (bits) atomicMax(largest + r.kept.offset(batch, k / n), bits);
  }
}
LAUNCHED(largest_spike)

// `lanes` threads share a row. With bool spikes the sums are those of the drawn whole numbers.
KERNEL(add_rows)(Batch batch, Rows r, u64* sums, const u64* largest, i64 lanes) {
  const i64 n = r.pre_end - r.pre_begin;
  ROLLED for (i64 k = thread(); k < batch.entries * n * lanes; k += threads()) {
    const i64 i = r.pre_begin + k / lanes % n, e = k / lanes / n;
    if (!spikes_at(r, batch, e, i)) continue;
    const i64 kept = r.kept.offset(batch, e);
    u64* const to = sums + kept * r.n_post * kWidth;
    const double s = static_cast<double>(spike_of(r, batch, e, i));
    const int shift = r.whole ? 0 : shift_of(r.fan_in, real_of(largest[kept]));
    for_each_target(r, i, k % lanes, lanes, [&](i64 j, int drawn) {
      if (r.whole) atomicAdd(to + j * kWidth, static_cast<u64>(static_cast<i64>(drawn)));
      else add_value(to + j * kWidth, s * drawn, shift);
    });
  }
}
LAUNCHED(add_rows)

// into[post] += weight times what was added up.
KERNEL(finish_rows)(Batch kept, Rows r, const u64* sums, const u64* largest, Operand weight, Real* into) {
  ROLLED for (i64 k = thread(); k < kept.entries * r.n_post; k += threads()) {
    const i64 e = k / r.n_post;
    const u64* const sum = sums + k * kWidth;
    const double found = r.whole ? static_cast<double>(static_cast<i64>(*sum)) : read_value(sum, r.fan_in, real_of(largest[e]));
    if (found != 0.0) into[k] += *weight.at<Real>(kept, e) * static_cast<Real>(found * unit_of(r));
  }
}
LAUNCHED(finish_rows)

// out[pre] += weight sum over targets of drawn v[post]; `share` entries of the batch have one result.
KERNEL(rows_towards_pre)(Batch batch, Rows r, Operand weight, Operand values, Operand out, i64 share) {
  const i64 n = r.pre_end - r.pre_begin;
  ROLLED for (i64 k = thread(); k < batch.entries / (share ? share : 1) * n; k += threads()) {
    const i64 i = r.pre_begin + k % n, from = k / n * share;
    ROLLED for (i64 e = from; e < from + share; ++e) {
      const Real* const v = values.at<Real>(batch, e);
      Real sum = 0;
      for_each_target(r, i, 0, 1, [&](i64 j, int drawn) { sum += static_cast<Real>(drawn) * static_cast<Real>(unit_of(r)) * v[j]; });
      out.at<Real>(batch, e)[i] += *weight.at<Real>(batch, e) * sum;
    }
  }
}
LAUNCHED(rows_towards_pre)

// The gradient of the one weight: partial[result, thread]; `out` counts the results.
KERNEL(rows_total)(Batch batch, Rows r, Operand values, Operand out, double* partial, i64 results) {
  const i64 n = r.pre_end - r.pre_begin;
  for (i64 k = 0; k < results; ++k) partial[k * threads() + thread()] = 0.0;
  for (i64 e = 0; e < batch.entries; ++e) {
    const Real* const v = values.at<Real>(batch, e);
    double sum = 0.0;
    ROLLED for (i64 k = thread(); k < n; k += threads()) {
      const i64 i = r.pre_begin + k;
      if (!spikes_at(r, batch, e, i)) continue;
      const Real s = spike_of(r, batch, e, i);
      for_each_target(r, i, 0, 1, [&](i64 j, int drawn) { sum += static_cast<double>(s * (static_cast<Real>(drawn * unit_of(r)) * v[j])); });
    }
    partial[out.offset(batch, e) * threads() + thread()] += sum;
  }
}
LAUNCHED(rows_total)
