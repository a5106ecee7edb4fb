// Rows of synapses joined and sorted by delay, where the synapses of each delay begin, and the synapses of each target.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "host.h"

namespace {

// Sorts the places of a row by key, those of equal keys as they were: by two digits, and then one by one what these do not tell
// apart.
class Sorter {
 public:
  const uint32_t* sort(const uint32_t* key, int64_t n) {
    if (static_cast<int64_t>(order_.size()) < n) order_.resize(n), from_.resize(n), to_.resize(n);
    if (n <= 48) {
      for (int64_t k = 0; k < n; ++k) order_[k] = static_cast<uint32_t>(k);
      for (int64_t k = 1; k < n; ++k) {
        const uint32_t place = order_[k];
        int64_t at = k;
        for (; at > 0 && key[order_[at - 1]] > key[place]; --at) order_[at] = order_[at - 1];
        order_[at] = place;
      }
      return order_.data();
    }
    uint32_t least = key[0], most = key[0];
    for (int64_t k = 1; k < n; ++k) least = std::min(least, key[k]), most = std::max(most, key[k]);
    const int digit = n < 1024 ? 8 : n < 8192 ? 10 : 11;
    const uint32_t range = most - least, values = uint32_t{1} << digit, mask = values - 1;
    int bits = 0;
    while (bits < 32 && range >> bits) ++bits;
    const int rest = std::max(0, bits - 2 * digit);
    uint32_t low[1 << 11], high[1 << 11];
    std::fill_n(low, values, 0), std::fill_n(high, values, 0);
    for (int64_t k = 0; k < n; ++k) {
      const uint32_t x = (key[k] - least) >> rest;
      ++low[x & mask], ++high[x >> digit];
    }
    uint32_t before_low = 0, before_high = 0;
    for (uint32_t value = 0; value < values; ++value) {
      const uint32_t own_low = low[value], own_high = high[value];
      low[value] = before_low, high[value] = before_high;
      before_low += own_low, before_high += own_high;
    }
    // Key and place in one number: all are different, and in the order in which they are wanted
    for (int64_t k = 0; k < n; ++k) {
      const uint32_t x = key[k] - least;
      from_[low[x >> rest & mask]++] = uint64_t{x} << 32 | static_cast<uint64_t>(k);
    }
    for (int64_t k = 0; k < n; ++k) to_[high[from_[k] >> 32 >> rest >> digit]++] = from_[k];
    if (rest) finish(n);
    for (int64_t k = 0; k < n; ++k) order_[k] = static_cast<uint32_t>(to_[k]);
    return order_.data();
  }

 private:
  // Few are left in another order, or else they are sorted as a whole.
  void finish(int64_t n) {
    int64_t moves = 4 * n;
    for (int64_t k = 1; k < n; ++k) {
      const uint64_t own = to_[k];
      if (to_[k - 1] <= own) continue;
      int64_t at = k;
      for (; at > 0 && to_[at - 1] > own; --at) to_[at] = to_[at - 1];
      to_[at] = own;
      if ((moves -= k - at) < 0) return std::sort(to_.begin(), to_.begin() + n);
    }
  }

  std::vector<uint32_t> order_;
  std::vector<uint64_t> from_, to_;
};

template <class X>
void take(const void* from, void* to, const uint32_t* order, int64_t n) {
  const X* const x = static_cast<const X*>(from);
  X* const y = static_cast<X*>(to);
  for (int64_t k = 0; k < n; ++k) y[k] = x[order[k]];
}

void take(int bytes, const void* from, void* to, const uint32_t* order, int64_t n) {
  if (bytes == 1) take<uint8_t>(from, to, order, n);
  if (bytes == 2) take<uint16_t>(from, to, order, n);
  if (bytes == 4) take<uint32_t>(from, to, order, n);
  if (bytes == 8) take<uint64_t>(from, to, order, n);
}

// The pieces of a row behind each other: where they lie already, or in `room`.
class Joined {
 public:
  Joined(int pieces, const int32_t* const* indptr) : pieces_(pieces), indptr_(indptr) {}

  int64_t size(int64_t row) const {
    int64_t n = 0;
    for (int p = 0; p < pieces_; ++p) n += indptr_[p][row + 1] - indptr_[p][row];
    return n;
  }

  const void* of(const void* const* from, int bytes, int64_t row, void* room) const {
    if (pieces_ == 1) return static_cast<const char*>(from[0]) + int64_t{indptr_[0][row]} * bytes;
    char* to = static_cast<char*>(room);
    for (int p = 0; p < pieces_; ++p) {
      const int64_t begin = indptr_[p][row], n = (indptr_[p][row + 1] - begin) * bytes;
      std::memcpy(to, static_cast<const char*>(from[p]) + begin * bytes, n);
      to += n;
    }
    return room;
  }

 private:
  int pieces_;
  const int32_t* const* indptr_;
};

// Of a delay that may be compared with others: from which one on it is longer than d steps.
template <class X, class Longer>
int calendar(int64_t rows, const int32_t* indptr, int64_t depth, const X* delay, Longer&& longer_than, int32_t* begins) {
  std::vector<X> first(depth + 1);  // first[d]: the shortest delay of more than d steps
  for (int64_t d = 0; d <= depth; ++d) first[d] = longer_than(d);
  for (int64_t i = 0; i < rows; ++i) {
    int32_t* const row = begins + i * (depth + 1);
    row[0] = indptr[i];
    int64_t d = 1;  // steps of the delay that is looked at
    for (int32_t k = indptr[i]; k < indptr[i + 1]; ++k) {
      while (delay[k] >= first[d]) {
        if (d == depth) return 1;
        row[d++] = k;
      }
      if (delay[k] < first[d - 1]) return delay[k] < first[0] ? 1 : 2;
    }
    for (; d <= depth; ++d) row[d] = indptr[i + 1];
  }
  return 0;
}

// Where the synapses of each target begin, [targets + 1], their sources, and their places in the rows, which ascend.
template <class Index>
void transpose(int64_t rows, const int32_t* indptr, const Index* indices, int64_t targets, int32_t* begins, int32_t* source, int32_t* position) {
  std::fill_n(begins, targets + 1, 0);
  const int64_t first = indptr[0], last = indptr[rows];
  for (int64_t k = first; k < last; ++k) ++begins[indices[k] + 1];
  for (int64_t j = 0; j < targets; ++j) begins[j + 1] += begins[j];
  std::vector<int32_t> next(begins, begins + targets);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t k = indptr[i]; k < indptr[i + 1]; ++k) {
      const int32_t q = next[indices[k]]++;
      source[q] = static_cast<int32_t>(i), position[q] = static_cast<int32_t>(k);
    }
}

}  // namespace

// Joins rows that lie in pieces, piece after piece, and sorts each by its keys where there are any: whole numbers of 1, 2 or 4
// bytes, of which piece p has those at key[p]. Of `arrays` with so many bytes for each synapse, that of piece p is
// from[array * pieces + p], and comes to to[array].
BRAINSIM_HOST(void, join_rows)(int64_t rows, int pieces, const int32_t* const* indptr, const void* const* key, int key_bytes, int arrays,
                               const int* bytes, const void* const* from, void* const* to) {
  const Joined joined(pieces, indptr);
  Sorter sorter;
  std::vector<uint64_t> room;
  std::vector<uint32_t> keys;
  int64_t begin = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t n = joined.size(i);
    if (static_cast<int64_t>(room.size()) < n) room.resize(n), keys.resize(n);
    const uint32_t* order = nullptr;
    if (key) {
      const void* const own = joined.of(key, key_bytes, i, room.data());
      if (key_bytes == 1) std::copy_n(static_cast<const uint8_t*>(own), n, keys.begin());
      else if (key_bytes == 2) std::copy_n(static_cast<const uint16_t*>(own), n, keys.begin());
      else std::memcpy(keys.data(), own, n * sizeof(uint32_t));
      order = sorter.sort(keys.data(), n);
    }
    for (int a = 0; a < arrays; ++a) {
      char* const there = static_cast<char*>(to[a]) + begin * bytes[a];
      const void* const row = joined.of(from + a * pieces, bytes[a], i, order ? static_cast<void*>(room.data()) : there);
      if (order) take(bytes[a], row, there, order, n);
      else if (row != there) std::memcpy(there, row, n * bytes[a]);
    }
    begin += n;
  }
}

// Where the synapses of each delay begin, [rows, depth + 1], of delays in ms. Result: 0; 1 for a
// delay that is not in 1 to depth steps, 2 for a longer one before a shorter.
BRAINSIM_HOST(int, calendar_of_floats)(int64_t rows, const int32_t* indptr, const float* ms, double step_ms, int64_t depth, int32_t* begins) {
  constexpr float kLongest = std::numeric_limits<float>::infinity();
  const auto steps = [=](float x) { return std::max(std::nearbyint(static_cast<double>(x) / step_ms), 1.0); };
  const auto longer_than = [=](int64_t d) {
    if (d == 0) return -kLongest;  // what is shorter than a step takes one
    float x = static_cast<float>((static_cast<double>(d) + 0.5) * step_ms);
    while (steps(x) > static_cast<double>(d)) x = std::nextafter(x, -kLongest);
    while (steps(x) <= static_cast<double>(d)) x = std::nextafter(x, kLongest);
    return x;
  };
  return calendar(rows, indptr, depth, ms, longer_than, begins);
}

// The same of delays in steps.
BRAINSIM_HOST(int, calendar_of_steps)(int64_t rows, const int32_t* indptr, const int32_t* delay, int64_t depth, int32_t* begins) {
  return calendar(rows, indptr, depth, delay, [](int64_t d) { return static_cast<int32_t>(d + 1); }, begins);
}

// The synapses of each target of rows whose targets are whole numbers of 2 or 4 bytes.
BRAINSIM_HOST(void, transpose_rows)(int64_t rows, const int32_t* indptr, const void* indices, int bytes, int64_t targets, int32_t* begins,
                                    int32_t* source, int32_t* position) {
  if (bytes == 2) transpose(rows, indptr, static_cast<const uint16_t*>(indices), targets, begins, source, position);
  else transpose(rows, indptr, static_cast<const int32_t*>(indices), targets, begins, source, position);
}
