// Rows of random targets, drawn independently and sorted: a row is a function of the key and its number.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "host.h"
#include "lanes.h"
#include "shared.h"

namespace {

// Sorts numbers below n: by marking them in bits where they are many. Those that were there before are sorted by themselves.
class Marker {
 public:
  void sort(int32_t* x, int64_t count, int64_t n) {
    if (count * 1024 < n || count < 32) return std::sort(x, x + count);
    const int64_t words = (n + 63) / 64;
    if (static_cast<int64_t>(marks_.size()) < words) marks_.assign(words, 0);
    if (static_cast<int64_t>(again_.size()) <= count) again_.resize(count + 1);
    int64_t repeated = 0;
    for (int64_t k = 0; k < count; ++k) {
      uint64_t& word = marks_[x[k] / 64];
      const int bit = x[k] % 64;
      again_[repeated] = x[k];
      repeated += word >> bit & 1;
      word |= uint64_t{1} << bit;
    }
    std::sort(again_.begin(), again_.begin() + repeated);
    again_[repeated] = -1;  // of no number
    const int32_t* next = again_.data();
    for (int64_t w = 0; w < words; ++w) {
      for (uint64_t bits = marks_[w]; bits; bits &= bits - 1) {
        const int32_t value = static_cast<int32_t>(64 * w + __builtin_ctzll(bits));
        *x++ = value;
        for (; *next == value; ++next) *x++ = value;
      }
      marks_[w] = 0;
    }
  }

 private:
  std::vector<uint64_t> marks_;
  std::vector<int32_t> again_;
};

}  // namespace

// indices[indptr[i] ... indptr[i + 1]]: targets of row first + i, ascending, each of 0 to n - 1 but for own[i], where own is given and
// below n: floor(word m / 2^32) of m that may be, those from own[i] on one further.
BRAINSIM_HOST(void, draw_rows)(const uint32_t* key, int64_t first, int64_t rows, const int64_t* indptr, int64_t n, const int32_t* own, int32_t* indices) {
  Marker marker;
  uint32_t words[brainsim::kTogether];
  for (int64_t i = 0; i < rows; ++i) {
    int32_t* const row = indices + indptr[i];
    const int64_t count = indptr[i + 1] - indptr[i], left_out = own && own[i] < n ? own[i] : n;
    const uint64_t may_be = static_cast<uint64_t>(left_out < n ? n - 1 : n);
    const brainsim::Place place{static_cast<uint32_t>(first + i), 0, brainsim::shared::Purpose::TARGETS};
    for (int64_t k = 0; k < count; k += brainsim::kTogether) {
      brainsim::draw(key, place, static_cast<uint32_t>(k / 4), words);
      const int64_t some = std::min<int64_t>(brainsim::kTogether, count - k);
      for (int64_t q = 0; q < some; ++q) {
        const int32_t target = static_cast<int32_t>(words[q] * may_be >> 32);
        row[k + q] = target + (target >= left_out);
      }
    }
    marker.sort(row, count, n);
  }
}
