// The three faces of a convolution y[o, f] = sum over taps and channels of x[pixel(o, tap), c] W[tap, c, f], for images one
// after the other: its derivative with respect to each argument, added to what is there.
//
// Of few spikes, the taps that see one are listed for each place, and rows of W are added up, or rows of the cotangent for
// each row of W. Otherwise, and towards the pixels, tiles of matrix products are read from where the numbers are.
#ifndef BRAINSIM_CONVOLUTION_H_
#define BRAINSIM_CONVOLUTION_H_

#include "rows.h"
#include "tiles.h"
#include "window.h"

namespace brainsim {

constexpr int64_t kKept = 1 << 19;  // bytes of a kernel that are worked on together

// Room to work in, kept from call to call.
template <class T>
struct Room {
  Listed<T> spikes, seen;
  std::vector<T> padded, right;
};

template <class T>
struct Images {
  const Window& window;
  int64_t images;
  const T* x;     // [images, pixels, channels]; the kernel, towards the pixels
  const T* from;  // the kernel [taps, channels of a group, features], or the cotangent [images, places, features]
  T* out;
  bool alone;     // nothing is there yet
  Room<T>* room;

  // Where what belongs to an image is added, of so many numbers.
  T* result(int64_t image, int64_t size) const {
    T* const at = out + image * size;
    if (alone) std::fill(at, at + size, T{0});
    return at;
  }
};

#ifdef BRAINSIM_WIDER
// Lists the spikes of `pixels` rows of n, `stride` apart, and their values if these are asked for; whether all are 1.
// Without a branch: whether there is a spike among sixteen numbers cannot be foreseen.
template <bool kValues>
__attribute__((target("avx512f,popcnt"))) bool list_pixels_64(
    const float* s, int64_t pixels, int64_t n, int64_t stride, int32_t add, int32_t& count, int32_t* first, Listed<float>& to) {
  int32_t* const index = to.index.data();
  float* const value = to.value.data();
  const __m512 none = _mm512_setzero_ps(), one = _mm512_set1_ps(1.0f);
  const __m512i sixteen = _mm512_set1_epi32(16);
  const __m512i begin = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  unsigned others = 0;
  int32_t found = count;
  const auto sixteen_of = [&](__m512 x, __m512i places) __attribute__((always_inline, target("avx512f,popcnt"))) {
    const __mmask16 spikes = _mm512_cmp_ps_mask(x, none, _CMP_NEQ_UQ);
    others |= _mm512_mask_cmp_ps_mask(spikes, x, one, _CMP_NEQ_UQ);
    _mm512_storeu_si512(index + found, _mm512_maskz_compress_epi32(spikes, places));
    if constexpr (kValues) _mm512_storeu_ps(value + found, _mm512_maskz_compress_ps(spikes, x));
    found += __builtin_popcount(spikes);
  };
  const int64_t whole = n / 16 * 16;
  const __mmask16 rest = static_cast<__mmask16>((1u << (n - whole)) - 1);
  for (int64_t p = 0; p < pixels; ++p, s += stride, add += static_cast<int32_t>(n)) {
    first[p] = found;
    __m512i places = _mm512_add_epi32(begin, _mm512_set1_epi32(add));
    for (int64_t i = 0; i < whole; i += 16, places = _mm512_add_epi32(places, sixteen)) sixteen_of(_mm512_loadu_ps(s + i), places);
    if (rest) sixteen_of(_mm512_maskz_loadu_ps(rest, s + whole), places);
  }
  count = found;
  return others == 0;
}
#endif

template <bool kValues, class T>
bool list_pixels(
    const T* s, int64_t pixels, int64_t n, int64_t stride, int32_t add, int32_t& count, int32_t* first, Listed<T>& to) {
#ifdef BRAINSIM_WIDER
  if constexpr (std::is_same_v<T, float>)
    if (widest() == 64) return list_pixels_64<kValues>(s, pixels, n, stride, add, count, first, to);
#endif
  int32_t* const index = to.index.data();
  T* const value = to.value.data();
  bool ones = true;
  for (int64_t p = 0; p < pixels; ++p, s += stride, add += static_cast<int32_t>(n)) {
    first[p] = count;
    for_each_nonzero(s, n, [&](int64_t i) {
      index[count] = add + static_cast<int32_t>(i);
      if constexpr (kValues) value[count] = s[i];
      ones &= s[i] == 1;
      ++count;
    });
  }
  return ones;
}

// Lists the spikes of one group of channels of an image by padded pixel, each as its place in a row of pixels and channels.
template <bool kValues, class T>
void list_image(const Window& w, const T* x, Listed<T>& to) {
  const Padding& padded = w.padded;
  const int64_t all = w.channels * w.groups, along = padded.strides.size() > 1 ? padded.strides[padded.strides.size() - 2] : padded.size;
  to.prepare(padded.size + 16, w.channels);
  int32_t* const first = to.first.data();
  int32_t count = 0;
  int64_t done = 0;
  for (const Padding::Run& run : padded.runs) {
    std::fill(first + done, first + run.to, count);
    const int32_t add = static_cast<int32_t>(run.to % along * w.channels);
    to.ones &= list_pixels<kValues>(x + run.from * all, run.count, w.channels, all, add, count, first + run.to, to);
    done = run.to + run.count;
  }
  std::fill(first + done, first + padded.size + 1, count);
}

// What a place sees of the spikes: rows of the kernel, and values where these are not all 1.
template <bool kOnes, class T>
int64_t list_seen(const Window& w, const Listed<T>& spikes, int64_t place, int32_t* index, T* value) {
  int64_t count = 0;
  for (const Run& run : w.runs) {
    const int64_t at = w.place[place] + run.at;
    const int32_t begin = spikes.first[at], n = spikes.first[at + run.length] - begin;
    const int32_t shift = static_cast<int32_t>((run.tap - run.column - w.column[place]) * w.channels);
    for (int32_t k = 0; k < n; k += 8)  // a few more than there are
      for (int32_t i = k; i < k + 8; ++i) {
        index[count + i] = spikes.index[begin + i] + shift;
        if constexpr (!kOnes) value[count + i] = spikes.value[begin + i];
      }
    count += n;
  }
  return count;
}

// Adds up rows of the kernel for each place, or the row of a place to rows of the kernel: of these, columns that stay in
// the second cache.
template <bool kOnes, class T>
void through_spikes(const Images<T>& job, bool towards_weight, const T* from, T* out) {
  const Window& w = job.window;
  Listed<T>& seen = job.room->seen;
  seen.prepare(w.taps + 16, w.channels);
  int32_t* const index = seen.index.data();
  T* const value = seen.value.data();
  const int64_t stride = w.features * w.groups, rows = w.taps * w.channels;
  const int64_t tile = std::max<int64_t>(kKept / sizeof(T) / rows / 64 * 64, 64);
  for (int64_t c = 0; c < w.features; c += tile) {
    const int64_t columns = std::min(tile, w.features - c);
    for (int64_t o = 0; o < w.places; ++o) {
      const int64_t count = list_seen<kOnes>(w, job.room->spikes, o, index, value);
      const T* const values = kOnes ? nullptr : value;
      if (count == 0) continue;
      if (towards_weight) add_to_rows(index, values, count, from + o * stride + c, stride, columns, out + c);
      else sum_rows(index, values, count, from + c, stride, columns, out + o * stride + c);
    }
  }
}

template <class T>
void by_spikes(const Images<T>& job, bool towards_weight) {
  const Window& w = job.window;
  Listed<T>& spikes = job.room->spikes;
  const int64_t results = w.places * w.features * w.groups;
  T* result = towards_weight ? job.result(0, w.taps * w.channels * w.features * w.groups) : nullptr;
  for (int64_t n = 0; n < job.images; ++n) {
    if (!towards_weight) result = job.result(n, results);
    for (int64_t g = 0; g < w.groups; ++g) {
      const T* const x = job.x + n * w.pixels * w.channels * w.groups + g * w.channels;
      list_image<false>(w, x, spikes);
      if (!spikes.ones) list_image<true>(w, x, spikes);
      const T* const from = job.from + g * w.features + (towards_weight ? n * results : 0);
      if (spikes.ones) through_spikes<true>(job, towards_weight, from, result + g * w.features);
      else through_spikes<false>(job, towards_weight, from, result + g * w.features);
    }
  }
}

template <class T>
T* room_for(std::vector<T>& room, int64_t size) {
  if (static_cast<int64_t>(room.size()) < size) room.resize(size);
  return room.data();
}

// Rows of numbers with zeros round them, or the very rows where there are none.
template <class T>
const T* with_zeros(const Padding& padded, const T* x, int64_t n, std::vector<T>& room) {
  if (padded.same) return x;
  T* const to = room_for(room, padded.size * n);
  padded.copy(x, n, to);
  return to;
}

// Columns of a matrix in panels that lie one behind the other, each as wide as some registers: what tiles are made of.
template <class T>
struct Panels {
  static constexpr int64_t kLanes = 64 / sizeof(T), kColumns = 4 * kLanes;
  const T* data;
  int64_t rows, columns;

  static int64_t filled(int64_t columns) { return (columns + kLanes - 1) / kLanes * kLanes; }
  int64_t size() const { return rows * filled(columns); }

  // Of [rows, columns], rows `stride` apart: the very matrix where it is a panel, or a copy.
  Panels(const T* from, int64_t rows, int64_t columns, int64_t stride, T* room, bool copied = false)
      : data(from), rows(rows), columns(columns) {
    if (!copied && columns == stride && columns == filled(columns) && columns <= kColumns) return;
    data = room;
    for (int64_t c = 0; c < columns; c += kColumns) {
      const int64_t count = std::min(kColumns, columns - c), width = filled(count);
      for (int64_t r = 0; r < rows; ++r, room += width) std::copy(from + r * stride + c, from + r * stride + c + count, room);
    }
  }

  // A product with what is on the left of it.
  void multiply(Tiles<T> job) const {
    T* const out = job.out;
    for (int64_t c = 0; c < columns; c += kColumns) {
      job.columns = std::min(kColumns, columns - c), job.stride = filled(job.columns);
      job.right = data + rows * c, job.out = out + c;
      multiply_tiles(job);
    }
  }
};

inline Sizes scaled(Sizes values, int64_t factor, int64_t add = 0) {
  for (int64_t& value : values) value = value * factor + add;
  return values;
}

// y += x W: a row of the left side is what a place sees, one part of it for each run of taps.
template <class T>
void dense_forward(const Images<T>& job) {
  const Window& w = job.window;
  const int64_t all = w.channels * w.groups, stride = w.features * w.groups;
  const bool joined = w.groups == 1;  // runs are one behind the other in memory
  Sizes parts;
  for (const Run& run : w.runs)
    for (int64_t k = 0; k < (joined ? 1 : run.length); ++k) parts.push_back((run.at + k) * all);
  const int64_t length = joined ? w.runs.front().length * w.channels : w.channels;
  const Sizes left_at = scaled(w.place, all), out_at = grid({w.places}, {stride});
  const int64_t rows = w.taps * w.channels, parts_of = static_cast<int64_t>(parts.size());
  std::vector<Panels<T>> right;
  T* room = room_for(job.room->right, rows * w.groups * Panels<T>::filled(w.features));
  for (int64_t g = 0; g < w.groups; ++g, room += right.back().size())
    right.emplace_back(job.from + g * w.features, rows, w.features, stride, room);
  for (int64_t n = 0; n < job.images; ++n) {
    const T* const left = with_zeros(w.padded, job.x + n * w.pixels * all, all, job.room->padded);
    T* const out = job.result(n, w.places * stride);
    for (int64_t g = 0; g < w.groups; ++g)
      right[g].multiply({left + g * w.channels, left_at.data(), w.places, parts.data(), parts_of, length, 1, nullptr, 0,
                         out + g * w.features, out_at.data(), 0});
  }
}

// W += x v: a row of the left side is what a tap sees of one channel, one part of it for each row of places.
template <class T>
void dense_gradient(const Images<T>& job) {
  const Window& w = job.window;
  const int64_t all = w.channels * w.groups, stride = w.features * w.groups, length = w.axes.back().out;
  Sizes parts, left_at;
  for (int64_t o = 0; o < w.places; o += length) parts.push_back(w.place[o] * all);
  for (const Run& run : w.runs)
    for (int64_t k = 0; k < run.length; ++k)
      for (int64_t c = 0; c < w.channels; ++c) left_at.push_back((run.at + k) * all + c);
  const Sizes out_at = grid({w.taps * w.channels}, {stride});
  T* const out = job.result(0, w.taps * w.channels * stride);
  T* const room = room_for(job.room->right, w.places * Panels<T>::filled(w.features));
  const int64_t rows = static_cast<int64_t>(left_at.size()), parts_of = static_cast<int64_t>(parts.size());
  for (int64_t n = 0; n < job.images; ++n) {
    const T* const left = with_zeros(w.padded, job.x + n * w.pixels * all, all, job.room->padded);
    for (int64_t g = 0; g < w.groups; ++g) {
      const Panels<T> right(job.from + n * w.places * stride + g * w.features, w.places, w.features, stride, room);
      right.multiply({left + g * w.channels, left_at.data(), rows, parts.data(), parts_of, length, w.axes.back().stride * all,
                      nullptr, 0, out + g * w.features, out_at.data(), 0});
    }
  }
}

// x += v W: for pixels that the same taps see, one part of the left side for each of these.
template <class T>
void towards_pixels(const Images<T>& job) {
  const Window& w = job.window;
  const int64_t all = w.channels * w.groups, stride = w.features * w.groups;
  std::vector<T> turned(w.taps * w.features * w.channels);  // the kernel of a group, in the order in which taps are taken
  std::vector<Panels<T>> right;
  T* room = room_for(job.room->right, w.groups * w.taps * w.features * Panels<T>::filled(w.channels));
  for (int64_t g = 0; g < w.groups; ++g) {
    for (const Alike& alike : w.alike) {
      T* to = turned.data();
      for (int64_t tap : alike.taps)
        for (int64_t f = 0; f < w.features; ++f)
          for (int64_t c = 0; c < w.channels; ++c) *to++ = job.x[(tap * w.channels + c) * stride + g * w.features + f];
      right.emplace_back(turned.data(), static_cast<int64_t>(alike.taps.size()) * w.features, w.channels, w.channels, room, true);
      room += right.back().size();
    }
  }
  std::vector<Sizes> left_at, parts, out_at;
  for (const Alike& alike : w.alike) {
    left_at.push_back(scaled(alike.at, stride));
    parts.push_back(scaled(alike.before, -stride));
    out_at.push_back(scaled(alike.pixels, all));
  }
  for (int64_t n = 0; n < job.images; ++n) {
    const T* const cotangent = job.from + n * w.places * stride;
    T* const out = job.result(n, w.pixels * all);
    if (std::all_of(cotangent, cotangent + w.places * stride, [](T x) { return x == 0; })) continue;  // as at the end of a run
    const T* const left = with_zeros(w.padded_back, cotangent, stride, job.room->padded);
    for (int64_t g = 0; g < w.groups; ++g)
      for (size_t k = 0; k < w.alike.size(); ++k)
        right[g * w.alike.size() + k].multiply({left + g * w.features, left_at[k].data(), static_cast<int64_t>(left_at[k].size()),
                                                parts[k].data(), static_cast<int64_t>(parts[k].size()), w.features, 1, nullptr, 0,
                                                out + g * w.channels, out_at[k].data(), 0});
  }
}

template <class T>
void convolve(const Images<T>& job, int64_t towards, bool dense) {
  if (towards == shared::Role::PRE) towards_pixels(job);
  else if (!dense) by_spikes(job, towards == shared::Role::WEIGHT);
  else if (towards == shared::Role::WEIGHT) dense_gradient(job);
  else dense_forward(job);
}

}  // namespace brainsim

#endif  // BRAINSIM_CONVOLUTION_H_
