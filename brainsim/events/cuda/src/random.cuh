// Random events: see draws.cuh.
#include "draws.cuh"

// The largest mean or probability of each entry, where there is one for each neuron: by its bits, negative ones left out.
KERNEL(most_of)(Batch batch, Operand mean, u64* most, i64 n) {
  ROLLED for (i64 k = thread(); k < batch.entries * n; k += threads()) {
    const double x = static_cast<double>(mean.at<Mean>(batch, k / n)[k % n]);
    if (x > 0.0) atomicMax(most + k / n, bits_of(x));
  }
}
LAUNCHED(most_of)

KERNEL(clear)(unsigned char* bytes, i64 count, u64* words, i64 more) {
  ROLLED for (i64 k = thread(); k < count; k += threads()) bytes[k] = 0;
  ROLLED for (i64 k = thread(); k < more; k += threads()) words[k] = 0;
}
LAUNCHED(clear)

struct Draw {
  Operand key, step, mean;
  const u64* most;  // none with one mean for all
  i64 n;

  DEVICE double largest(const Batch& batch, i64 e) const { return most ? real_of(most[e]) : static_cast<double>(*mean.at<Mean>(batch, e)); }
};

template <class F>
DEVICE void for_each_count(const Batch& batch, const Draw& draw, F&& add) {
  ROLLED for (i64 k = thread(); k < batch.entries * draw.n; k += threads()) {
    const i64 e = k / draw.n;
    poisson(draw.key.at<u32>(batch, e), *draw.step.at<u32>(batch, e), draw.mean.at<Mean>(batch, e), draw.most == nullptr,
            draw.largest(batch, e), draw.n, k % draw.n, [&](i64 i, i64 count) { add(e, i, count); });
  }
}

KERNEL(counts_of)(Batch batch, Draw draw, Operand counts) {
  for_each_count(batch, draw, [&](i64 e, i64 i, i64 count) { counts.at<Item>(batch, e)[i] += static_cast<Item>(count); });
}
LAUNCHED(counts_of)

KERNEL(add_counts)(Batch batch, Draw draw, Operand weight, i64 one_weight, Operand into) {
  for_each_count(batch, draw, [&](i64 e, i64 i, i64 count) {
    into.at<Mean>(batch, e)[i] += weight.at<Mean>(batch, e)[one_weight ? 0 : i] * static_cast<Mean>(count);
  });
}
LAUNCHED(add_counts)

KERNEL(bernoulli)(Batch batch, Draw draw, Operand spikes) {
  ROLLED for (i64 k = thread(); k < batch.entries * draw.n; k += threads()) {
    const i64 e = k / draw.n, first = k % draw.n;
    const Mean* const probability = draw.mean.at<Mean>(batch, e);
    const bool one = draw.most == nullptr;
    const double most = draw.largest(batch, e);
    bool* const out = spikes.at<bool>(batch, e);
    const u32* const key = draw.key.at<u32>(batch, e);
    const u32 step = *draw.step.at<u32>(batch, e);
    if (!(most > 0.0)) continue;
    if (most > kRareSpikes) {
      const u32 word = Stream(key, step, Purpose::BERNOULLI).word_at(first);
      out[first] = (static_cast<double>(word) + 0.5) * 0x1.0p-32 < static_cast<double>(probability[one ? 0 : first]);
      continue;
    }
    const i64 block = block_of(most), end = draw.n - first < block ? draw.n - first : block;
    if (first % block) continue;
    Stream stream(key, step, Purpose::BERNOULLI, static_cast<u32>(first / block));
    const double scale = 1.0 / log1p(-most);
    for (double x = 0.0;; x += 1.0) {
      x += floor(log(stream.uniform()) * scale);
      if (!(x < static_cast<double>(end))) break;
      const i64 i = first + static_cast<i64>(x);
      out[i] = one || stream.uniform() * most <= static_cast<double>(probability[i]);
    }
  }
}
LAUNCHED(bernoulli)
