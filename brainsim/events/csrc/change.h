// How the weight of a synapse changes: by so much, times a power of itself where there is a law, and kept within bounds.
#ifndef BRAINSIM_CHANGE_H_
#define BRAINSIM_CHANGE_H_

#include <cmath>
#include <cstdint>

#include "call.h"
#include "check.h"

namespace brainsim {

// The factor (|w - anchor| / scale)^power of a change.
template <class T>
struct PowerLaw {
  T anchor, scale, power;
  T operator()(T w) const {
    const T distance = std::abs(w - anchor) / scale;
    if (power == T{1}) return distance;
    if (power == T{0}) return T{1};
    return std::pow(distance, power);
  }
};

// How many operands say how a change is bound: low, high, and for a power law of the weight anchor, scale, power.
inline int64_t bounds(bool has_law) { return has_law ? 5 : 2; }

// Operands from `first` on are such numbers.
inline void check_bounds(Check& check, int64_t first, bool has_law, ffi::DataType real) {
  for (int64_t i = 0; i < bounds(has_law); ++i) check.operand(first + i, 1, real);
}

// Calls f(move) for a batch entry; move(w, change) is what the weight w becomes.
template <class T, class F>
void with_bounds(const Call& call, int64_t first, int64_t e, bool has_law, F&& f) {
  const auto number = [&](int64_t i) { return *call.operand(first + i).at<T>(e); };
  const T floor = number(0), ceiling = number(1);
  const auto kept = [=](T moved) { return moved < floor ? floor : moved > ceiling ? ceiling : moved; };
  if (has_law) {
    const PowerLaw<T> law{number(2), number(3), number(4)};
    f([=](T w, T change) { return kept(w + change * law(w)); });
  } else {
    f([=](T w, T change) { return kept(w + change); });
  }
}

}  // namespace brainsim

#endif  // BRAINSIM_CHANGE_H_
