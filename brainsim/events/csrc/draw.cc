// Rows of random targets, drawn independently and sorted: a row is a function of the key and its number.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "host.h"
#include "shared.h"
#include "words.h"

namespace {

// Sorts numbers below n: by counting where they are many, whatever lies in between being looked at eight at a time.
class Counter {
 public:
  void sort(int32_t* x, int64_t count, int64_t n) {
    if (count * 24 < n || count < 64) return std::sort(x, x + count);
    const int64_t room = (n + 7) / 8 * 8;
    if (static_cast<int64_t>(times_.size()) < room) times_.assign(room, 0);
    for (int64_t k = 0; k < count; ++k)
      if (++times_[x[k]] == 255) {  // beyond what a byte counts: put back what was counted
        for (int64_t q = 0; q <= k; ++q) times_[x[q]] = 0;
        return std::sort(x, x + count);
      }
    for (int64_t at = 0; at < room; at += 8) {
      uint64_t eight;
      std::memcpy(&eight, times_.data() + at, 8);
      if (!eight) continue;
      for (int64_t value = at; value < at + 8; ++value)
        for (uint8_t left = times_[value]; left; --left) *x++ = static_cast<int32_t>(value);
      std::memset(times_.data() + at, 0, 8);
    }
  }

 private:
  std::vector<uint8_t> times_;
};

}  // namespace

// indices[indptr[i] ... indptr[i + 1]]: targets of row i, ascending, each of 0 to n - 1 but for own[i], where own is given and
// below n: floor(word m / 2^32) of m that may be, those from own[i] on one further.
BRAINSIM_HOST(void, draw_rows)(const uint32_t* key, int64_t rows, const int64_t* indptr, int64_t n, const int32_t* own, int32_t* indices) {
  Counter counter;
  uint32_t words[brainsim::kWords];
  for (int64_t i = 0; i < rows; ++i) {
    int32_t* const row = indices + indptr[i];
    const int64_t count = indptr[i + 1] - indptr[i], left_out = own && own[i] < n ? own[i] : n;
    const uint64_t may_be = static_cast<uint64_t>(left_out < n ? n - 1 : n);
    for (int64_t k = 0; k < count; k += brainsim::kWords) {
      brainsim::draw(key, static_cast<uint32_t>(i), static_cast<uint32_t>(k / 4), brainsim::shared::Purpose::TARGETS, words);
      const int64_t some = std::min<int64_t>(brainsim::kWords, count - k);
      for (int64_t q = 0; q < some; ++q) {
        const int32_t target = static_cast<int32_t>(words[q] * may_be >> 32);
        row[k + q] = target + (target >= left_out);
      }
    }
    counter.sort(row, count, n);
  }
}
