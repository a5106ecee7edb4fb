// Rows of synapses joined and sorted by delay, and where the synapses of each delay begin.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "host.h"

namespace {

// Sorts the places of a row by key, those of equal keys as they were: by bytes, the lowest first.
class Sorter {
 public:
  const uint32_t* sort(const uint32_t* key, int64_t n) {
    if (static_cast<int64_t>(from_.size()) < n) from_.resize(n), to_.resize(n);
    for (int64_t k = 0; k < n; ++k) from_[k] = static_cast<uint32_t>(k);
    if (n <= 48) {
      for (int64_t k = 1; k < n; ++k) {
        const uint32_t place = from_[k];
        int64_t at = k;
        for (; at > 0 && key[from_[at - 1]] > key[place]; --at) from_[at] = from_[at - 1];
        from_[at] = place;
      }
      return from_.data();
    }
    uint32_t counts[4][256] = {};
    for (int64_t k = 0; k < n; ++k)
      for (int b = 0; b < 4; ++b) ++counts[b][key[k] >> 8 * b & 255];
    for (int b = 0; b < 4; ++b) {
      uint32_t* const count = counts[b];
      if (count[key[0] >> 8 * b & 255] == n) continue;  // all have the same
      uint32_t begin = 0;
      for (int value = 0; value < 256; ++value) {
        const uint32_t own = count[value];
        count[value] = begin;
        begin += own;
      }
      for (int64_t k = 0; k < n; ++k) to_[count[key[from_[k]] >> 8 * b & 255]++] = from_[k];
      std::swap(from_, to_);
    }
    return from_.data();
  }

 private:
  std::vector<uint32_t> from_, to_;
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
