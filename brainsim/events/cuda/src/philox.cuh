// Philox4x32-10, as csrc/philox.h: the same words, bit for bit.
#ifndef BRAINSIM_PHILOX_CUH_
#define BRAINSIM_PHILOX_CUH_

#include "shim.cuh"

struct Block {
  u32 word[4];
};

DEVICE Block philox(u32 k0, u32 k1, Block c) {
  for (int round = 0; round < 10; ++round) {
    const u64 p0 = 0xD2511F53ull * c.word[0], p1 = 0xCD9E8D57ull * c.word[2];
    c = Block{{static_cast<u32>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<u32>(p1), static_cast<u32>(p0 >> 32) ^ c.word[3] ^ k1,
               static_cast<u32>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// The words that belong to one (key, step, purpose, lane), one after the other.
class Stream {
 public:
  DEVICE Stream(const u32* key, u32 step, u32 purpose, u32 lane = 0) : k0_(key[0]), k1_(key[1]), counter_{{0, lane, step, purpose}}, block_{}, used_(4) {}

  DEVICE u32 word() {
    if (used_ == 4) {
      block_ = philox(k0_, k1_, counter_);
      ++counter_.word[0];
      used_ = 0;
    }
    return block_.word[used_++];
  }

  // The word at a place.
  DEVICE u32 word_at(i64 place) const {
    Block counter = counter_;
    counter.word[0] = static_cast<u32>(place / 4);
    return philox(k0_, k1_, counter).word[place % 4];
  }

  // In (0, 1], with 53 bits.
  DEVICE double uniform() {
    const u64 high = word(), low = word();
    return (static_cast<double>((high << 32 | low) >> 11) + 1.0) * 0x1.0p-53;
  }

 private:
  u32 k0_, k1_;
  Block counter_, block_;
  int used_;
};

#endif  // BRAINSIM_PHILOX_CUH_
