// Philox4x32-10: a counter-based generator (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as
// 1, 2, 3"). A draw is a pure function of (key, step, purpose, lane, position); nothing is carried from step to step.
#ifndef BRAINSIM_PHILOX_H_
#define BRAINSIM_PHILOX_H_

#include <cstdint>

namespace brainsim {

struct Block {
  uint32_t word[4];
};

inline Block philox(uint32_t k0, uint32_t k1, Block c) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c.word[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c.word[2];
    c = {{static_cast<uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<uint32_t>(p1),
          static_cast<uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<uint32_t>(p0)}};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

// Which stream of a key.
struct Place {
  uint32_t lane, step, purpose;
};

// The words that belong to one (key, step, purpose, lane), one after the other.
class Stream {
 public:
  Stream(const uint32_t* key, uint32_t step, uint32_t purpose, uint32_t lane = 0)
      : key_{key[0], key[1]}, counter_{{0, lane, step, purpose}} {}

  const uint32_t* key() const { return key_; }
  Place place() const { return {counter_.word[1], counter_.word[2], counter_.word[3]}; }

  // Goes on with the first word of a block of four.
  void skip_to(uint32_t block) { counter_.word[0] = block, used_ = 4; }

  uint32_t word() {
    if (used_ == 4) {
      block_ = philox(key_[0], key_[1], counter_);
      ++counter_.word[0];
      used_ = 0;
    }
    return block_.word[used_++];
  }

  // In (0, 1], with 53 bits.
  double uniform() {
    const uint64_t high = word(), low = word();
    return (static_cast<double>((high << 32 | low) >> 11) + 1.0) * 0x1.0p-53;
  }

 private:
  uint32_t key_[2];
  Block counter_;
  Block block_{};
  int used_ = 4;
};

}  // namespace brainsim

#endif  // BRAINSIM_PHILOX_H_
