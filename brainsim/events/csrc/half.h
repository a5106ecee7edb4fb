// Numbers of 16 bits (IEEE binary16), as weights are kept in where memory is short.
#ifndef BRAINSIM_HALF_H_
#define BRAINSIM_HALF_H_

#include <cstdint>
#include <cstring>

namespace brainsim {

struct Half {
  uint16_t bits;

  // The same number, if it is finite. Nothing on the way is too small to have a leading one, which processors may be told to
  // take for zero.
  operator float() const {
    uint32_t whole = ((bits & 0x7FFFu) << 13) + (112u << 23);  // exponents differ by 112
    const bool small = (bits & 0x7C00u) == 0;
    if (small) whole += 1u << 23;
    float number;
    std::memcpy(&number, &whole, sizeof number);
    if (small) number -= 0x1p-14f;
    return bits & 0x8000u ? -number : number;
  }
};

}  // namespace brainsim

#endif  // BRAINSIM_HALF_H_
