// Rows of synapses sorted by delay, and where the synapses of each delay begin.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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
void take(const void* from, void* to, int64_t begin, const uint32_t* order, int64_t n) {
  const X* const x = static_cast<const X*>(from) + begin;
  X* const y = static_cast<X*>(to) + begin;
  for (int64_t k = 0; k < n; ++k) y[k] = x[order[k]];
}

void take(int bytes, const void* from, void* to, int64_t begin, const uint32_t* order, int64_t n) {
  if (bytes == 1) take<uint8_t>(from, to, begin, order, n);
  if (bytes == 2) take<uint16_t>(from, to, begin, order, n);
  if (bytes == 4) take<uint32_t>(from, to, begin, order, n);
  if (bytes == 8) take<uint64_t>(from, to, begin, order, n);
}

template <class Steps>
int calendar(int64_t rows, const int32_t* indptr, int64_t depth, Steps&& steps, int32_t* begins) {
  for (int64_t i = 0; i < rows; ++i) {
    int32_t* const row = begins + i * (depth + 1);
    int64_t longer_than = 0;  // of the delays up to here it is known where the longer ones begin
    row[0] = indptr[i];
    for (int32_t k = indptr[i]; k < indptr[i + 1]; ++k) {
      const int64_t delay = steps(k);
      if (delay < 1 || delay > depth) return 1;
      if (delay - 1 < longer_than) return 2;
      while (longer_than < delay - 1) row[++longer_than] = k;
    }
    while (longer_than < depth) row[++longer_than] = indptr[i + 1];
  }
  return 0;
}

}  // namespace

// Sorts each row by its keys, whole numbers of 1, 2 or 4 bytes, and with them `arrays` of so many bytes for each synapse.
BRAINSIM_HOST(void, sort_rows)(int64_t rows, const int32_t* indptr, const void* key, int key_bytes, int arrays, const int* bytes,
                               const void* const* from, void* const* to) {
  Sorter sorter;
  std::vector<uint32_t> keys;
  for (int64_t i = 0; i < rows; ++i) {
    const int64_t begin = indptr[i], n = indptr[i + 1] - begin;
    if (static_cast<int64_t>(keys.size()) < n) keys.resize(n);
    if (key_bytes == 1) std::copy_n(static_cast<const uint8_t*>(key) + begin, n, keys.begin());
    else if (key_bytes == 2) std::copy_n(static_cast<const uint16_t*>(key) + begin, n, keys.begin());
    else std::memcpy(keys.data(), static_cast<const uint32_t*>(key) + begin, n * sizeof(uint32_t));
    const uint32_t* const order = sorter.sort(keys.data(), n);
    for (int a = 0; a < arrays; ++a) take(bytes[a], from[a], to[a], begin, order, n);
  }
}

// Where the synapses of each delay begin, [rows, depth + 1], of delays in ms. Result: 0; 1 for a
// delay that is not in 1 to depth steps, 2 for a longer one before a shorter.
BRAINSIM_HOST(int, calendar_of_floats)(int64_t rows, const int32_t* indptr, const float* ms, double step_ms, int64_t depth, int32_t* begins) {
  const auto steps = [=](int32_t k) {
    const double whole = std::nearbyint(static_cast<double>(ms[k]) / step_ms);
    return static_cast<int64_t>(whole < 1 ? 1 : whole);
  };
  return calendar(rows, indptr, depth, steps, begins);
}

// The same of delays in steps.
BRAINSIM_HOST(int, calendar_of_steps)(int64_t rows, const int32_t* indptr, const int32_t* delay, int64_t depth, int32_t* begins) {
  return calendar(rows, indptr, depth, [=](int32_t k) { return static_cast<int64_t>(delay[k]); }, begins);
}
