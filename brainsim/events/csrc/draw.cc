// Rows of random targets, drawn independently and sorted: a row is a function of the key and its number.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "host.h"
#include "lanes.h"
#include "listed.h"
#include "shared.h"

namespace {

// Sorts numbers below n: by marking them in bits where they are many. Those that were there before are marked in other bits, and
// those that were there twice are sorted by themselves.
class Marker {
 public:
  void sort(int32_t* x, int64_t count, int64_t n) {
    if (count * 1024 < n || count < 32) return std::sort(x, x + count);
    const int64_t words = (n + 63) / 64;
    if (static_cast<int64_t>(once_.size()) < words) once_.assign(words, 0), twice_.assign(words, 0), before_.resize(words);
    const int64_t room = count + brainsim::kBeyond;
    if (static_cast<int64_t>(again_.size()) < 2 * room) again_.resize(2 * room), listed_.resize(room);
    int64_t oftener = 0;
    for (int64_t k = 0; k < count; ++k) {
      const int64_t w = x[k] / 64;
      const uint64_t bit = uint64_t{1} << x[k] % 64, once = once_[w], twice = twice_[w];
      listed_[oftener] = x[k];
      oftener += (twice & bit) != 0;
      twice_[w] = twice | (once & bit);
      once_[w] = once | bit;
    }
    int64_t repeated = brainsim::list(twice_.data(), words, again_.data());
    if (oftener) {
      std::sort(listed_.begin(), listed_.begin() + oftener);
      int32_t* const both = again_.data() + room;
      std::merge(again_.begin(), again_.begin() + repeated, listed_.begin(), listed_.begin() + oftener, both);
      std::copy_n(both, repeated += oftener, again_.data());
    }
    const int64_t distinct = brainsim::list(once_.data(), words, listed_.data(), before_.data());
    // From behind: what lies beyond each that is repeated, and then this
    int64_t end = distinct;
    for (int64_t left = repeated; left > 0; --left) {
      const int32_t value = again_[left - 1];
      const uint64_t upto = once_[value / 64] & (~uint64_t{0} >> (63 - value % 64));
      const int64_t begin = before_[value / 64] + __builtin_popcountll(upto);  // behind the value
      std::copy(listed_.data() + begin, listed_.data() + end, x + begin + left);
      x[begin + left - 1] = value;
      end = begin;
    }
    std::copy_n(listed_.data(), end, x);
    std::fill_n(once_.data(), words, 0), std::fill_n(twice_.data(), words, 0);
  }

 private:
  std::vector<uint64_t> once_, twice_;
  std::vector<int32_t> again_, listed_, before_;
};

// floor(word m / 2^32) of each, those from left_out on one further.
BRAINSIM_INLINE void turn(const uint32_t* words, uint32_t m, uint32_t left_out, int32_t* to) {
  for (int q = 0; q < brainsim::kTogether; ++q) {
    const uint32_t target = static_cast<uint32_t>(uint64_t{words[q]} * m >> 32);
    to[q] = static_cast<int32_t>(target + (target >= left_out));
  }
}

#ifdef BRAINSIM_WIDER
__attribute__((target("avx512f"))) void turn_64(const uint32_t* words, uint32_t m, uint32_t left_out, int32_t* to) {
  turn(words, m, left_out, to);
}

__attribute__((target("avx2"))) void turn_32(const uint32_t* words, uint32_t m, uint32_t left_out, int32_t* to) {
  turn(words, m, left_out, to);
}
#endif

void turn_widest(const uint32_t* words, uint32_t m, uint32_t left_out, int32_t* to) {
#ifdef BRAINSIM_WIDER
  if (brainsim::widest() == 64) return turn_64(words, m, left_out, to);
  if (brainsim::widest() == 32) return turn_32(words, m, left_out, to);
#endif
  turn(words, m, left_out, to);
}

}  // namespace

// indices[indptr[i] ... indptr[i + 1]]: targets of row first + i, ascending, each of 0 to n - 1 but for own[i], where own is given and
// below n: floor(word m / 2^32) of m that may be, those from own[i] on one further.
BRAINSIM_HOST(void, draw_rows)(const uint32_t* key, int64_t first, int64_t rows, const int64_t* indptr, int64_t n, const int32_t* own, int32_t* indices) {
  Marker marker;
  uint32_t words[brainsim::kTogether];
  int32_t last[brainsim::kTogether];
  for (int64_t i = 0; i < rows; ++i) {
    int32_t* const row = indices + indptr[i];
    const int64_t count = indptr[i + 1] - indptr[i], left_out = own && own[i] < n ? own[i] : n;
    const uint32_t may_be = static_cast<uint32_t>(left_out < n ? n - 1 : n);
    const brainsim::Place place{static_cast<uint32_t>(first + i), 0, brainsim::shared::Purpose::TARGETS};
    for (int64_t k = 0; k < count; k += brainsim::kTogether) {
      brainsim::draw(key, place, static_cast<uint32_t>(k / 4), words);
      const bool all = count - k >= brainsim::kTogether;
      turn_widest(words, may_be, static_cast<uint32_t>(left_out), all ? row + k : last);
      if (!all) std::copy_n(last, count - k, row + k);
    }
    marker.sort(row, count, n);
  }
}
