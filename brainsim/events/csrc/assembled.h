// A step of a recurrence as machine code, for processors with registers of 64 bytes: what a step makes on the way stays in
// registers, where going through memory after each operation takes several times as long. Where a system allows no new code, or
// a step has an operation that is not here, the step is gone through operation by operation (recurrence.h).
#ifndef BRAINSIM_ASSEMBLED_H_
#define BRAINSIM_ASSEMBLED_H_

#include "registers.h"

#if defined(BRAINSIM_WIDER) && defined(__linux__)
#define BRAINSIM_ASSEMBLED

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "shared.h"

namespace brainsim {

// Goes over elements, sixteen at a time, from `begin` to `end`, in bytes of float; `lanes` of the sixteen are there. Arrays
// stand at `rows`; numbers that are the same for all elements are at `same`.
using Step16 = void (*)(char* const* rows, const float* same, int64_t begin, int64_t end, int64_t lanes);

// Where a step finds a variable before it begins.
struct Place {
  enum Kind : int64_t { kNone, kSame, kRow, kBytes } kind;  // one number for all; an array of numbers; of bool
  int64_t at;                                              // in `same`, or in `rows`
};

class Assembler {
 public:
  std::vector<uint8_t> code;
  enum Map { k0F = 1, k0F38 = 2, k0F3A = 3 };
  enum Prefix { kNo = 0, k66 = 1, kF3 = 2 };
  // What an instruction reads last: a register, sixteen numbers, one number for all sixteen, or one alone.
  struct Source {
    enum Kind { kRegister, kRow, kBytes, kSame, kAlone } kind;
    int at;
  };

  void bytes(std::initializer_list<int> all) {
    for (int b : all) code.push_back(static_cast<uint8_t>(b));
  }
  void word(int32_t x) {
    for (int k = 0; k < 4; ++k) code.push_back(static_cast<uint8_t>(x >> 8 * k));
  }

  // reg <- op(first, source): registers of sixteen, or a mask as the result. `zero`: lanes outside of `mask` become 0.
  void op(Map map, Prefix prefix, int opcode, int reg, int first, Source source, int mask = 0, bool zero = false) {
    const bool memory = source.kind != Source::kRegister;
    if (source.kind == Source::kRow || source.kind == Source::kBytes) row(source.at);
    const int rm = memory ? 0 : source.at;
    bytes({0x62,
           (~reg >> 3 & 1) << 7 | (memory ? 1 : ~rm >> 4 & 1) << 6 | (memory ? 1 : ~rm >> 3 & 1) << 5 | (~reg >> 4 & 1) << 4 | map,
           (~first & 15) << 3 | 4 | prefix,
           zero << 7 | 2 << 5 | (source.kind == Source::kSame) << 4 | (~first >> 4 & 1) << 3 | mask, opcode});
    if (source.kind == Source::kRegister) bytes({0xC0 | (reg & 7) << 3 | (rm & 7)});
    else if (source.kind == Source::kSame || source.kind == Source::kAlone) bytes({0x80 | (reg & 7) << 3 | 6}), word(4 * source.at);  // [rsi + 4 at]
    else if (source.kind == Source::kRow) bytes({0x04 | (reg & 7) << 3, 0x08});                         // [rax + rcx]
    else bytes({0x04 | (reg & 7) << 3, 0x10});                                                          // [rax + rdx]
  }

  void row(int at) { bytes({0x48, 0x8B, 0x87}), word(8 * at); }  // rax = rows[at]
};

// Writes the code of a step.
class StepWriter {
 public:
  using Source = Assembler::Source;
  struct Operation { int64_t code, to, of[3]; };
  static constexpr int kScratch = 31, kOther = 30, kMost = 30;
  static constexpr int kOne = 0, kSign = 1, kWithoutSign = 2, kNumbers = 3;  // in `same`, before all others

  StepWriter(const std::vector<Place>& places) : places_(places), register_(places.size(), -1) {}

  // Whether all of the step could be written.
  bool write(const std::vector<Operation>& operations, const std::vector<int64_t>& results, const std::vector<Place>& to) {
    // rcx: bytes of float from the beginning, rdx: of bool; k1: which lanes are there. Given in rdx, rcx and r8
    a_.bytes({0x49, 0x89, 0xC9});              // mov r9, rcx: the end
    a_.bytes({0x48, 0x89, 0xD1});              // mov rcx, rdx
    a_.bytes({0xC4, 0xC1, 0x78, 0x92, 0xC8});  // kmovw k1, r8d
    const size_t begin = a_.code.size();
    a_.bytes({0x48, 0x89, 0xCA, 0x48, 0xC1, 0xEA, 0x02});  // mov rdx, rcx; shr rdx, 2
    for (size_t v = 0; v < places_.size(); ++v) {
      if (places_[v].kind != Place::kRow && places_[v].kind != Place::kBytes) continue;
      const int reg = fresh(v);
      const int at = static_cast<int>(places_[v].at);
      if (places_[v].kind == Place::kRow) a_.op(a_.k0F, a_.kNo, 0x10, reg, 0, {Source::kRow, at}, 1, true);
      else a_.op(a_.k0F38, a_.k66, 0x31, reg, 0, {Source::kBytes, at}, 1, true);  // vpmovzxbd
    }
    for (const Operation& o : operations)
      if (good_) one(o);
    for (size_t r = 0; good_ && r < results.size(); ++r) {
      const int reg = in_register(results[r], kScratch), at = static_cast<int>(to[r].at);
      if (to[r].kind == Place::kRow) a_.op(a_.k0F, a_.kNo, 0x11, reg, 0, {Source::kRow, at}, 1);
      else a_.op(a_.k0F38, a_.kF3, 0x31, reg, 0, {Source::kBytes, at}, 1);  // vpmovdb
    }
    a_.bytes({0x48, 0x83, 0xC1, 0x40, 0x4C, 0x39, 0xC9, 0x0F, 0x8C});  // add rcx, 64; cmp rcx, r9; jl
    a_.word(static_cast<int32_t>(begin) - static_cast<int32_t>(a_.code.size()) - 4);
    a_.bytes({0xC5, 0xF8, 0x77, 0xC3});  // vzeroupper; ret
    return good_;
  }

  const std::vector<uint8_t>& code() const { return a_.code; }

 private:
  Assembler a_;
  std::vector<Place> places_;
  std::vector<int> register_;  // of a variable
  int used_ = 0;
  bool good_ = true;

  int fresh(int64_t v) {
    if (register_[v] < 0) register_[v] = used_++;
    if (used_ > kMost) good_ = false, register_[v] = 0;
    return register_[v];
  }
  Source source(int64_t v) const {
    if (register_[v] >= 0) return {Source::kRegister, register_[v]};
    return {Source::kSame, static_cast<int>(places_[v].at)};
  }
  int in_register(int64_t v, int room) {
    const Source from = source(v);
    if (from.kind == Source::kRegister) return from.at;
    a_.op(a_.k0F38, a_.k66, 0x18, room, 0, {Source::kAlone, from.at});  // vbroadcastss
    return room;
  }
  void real(int opcode, int to, int first, Source second) { a_.op(a_.k0F, a_.kNo, opcode, to, first, second); }
  void both(Assembler::Map map, int opcode, int to, int64_t first, int64_t second) {
    a_.op(map, a_.k66, opcode, to, in_register(first, kScratch), source(second));
  }
  void compared(int to) {  // the mask k2 as whole numbers
    a_.op(a_.k0F, a_.k66, 0x6F, to, 0, {Source::kRegister, in_register_of(kOne)}, 2, true);
  }
  int in_register_of(int same) {
    a_.op(a_.k0F38, a_.k66, 0x18, kOther, 0, {Source::kAlone, same});
    return kOther;
  }
  void compare(int how, int first, Source second, bool whole) {
    if (whole) a_.op(a_.k0F3A, a_.k66, 0x1F, 2, first, second);
    else a_.op(a_.k0F, a_.kNo, 0xC2, 2, first, second);
    a_.bytes({how});
  }
  void blend(int to, int no, Source yes) { a_.op(a_.k0F38, a_.k66, 0x65, to, no, yes, 2); }

  void one(const Operation& o) {
    using shared::Step;
    int64_t first = o.of[0], second = o.of[1];
    const bool turns = o.code == Step::ADD || o.code == Step::MUL;
    if (turns && register_[first] < 0) std::swap(first, second);
    // Arguments first: the result may have the register of one of them
    const int x = o.code == Step::SELECT ? 0 : in_register(first, kScratch);
    const Source y = source(second);
    const int to = fresh(o.to);
    const auto comparison = [&](int how, bool whole = false) {
      compare(how, x, y, whole);
      compared(to);
    };
    switch (o.code) {
      case Step::COPY: return a_.op(a_.k0F, a_.kNo, 0x10, to, 0, {Source::kRegister, x});
      case Step::ADD: return real(0x58, to, x, y);
      case Step::SUB: return real(0x5C, to, x, y);
      case Step::MUL: return real(0x59, to, x, y);
      case Step::DIV: return real(0x5E, to, x, y);
      case Step::MAX: return extreme(0x5F, to, x, y);
      case Step::MIN: return extreme(0x5D, to, x, y);
      case Step::SQRT: return real(0x51, to, 0, {Source::kRegister, x});
      case Step::NEG: return a_.op(a_.k0F, a_.k66, 0xEF, to, x, {Source::kSame, kSign});
      case Step::ABS: return a_.op(a_.k0F, a_.k66, 0xDB, to, x, {Source::kSame, kWithoutSign});
      case Step::FLOOR: return rounded(9, to, x);
      case Step::CEIL: return rounded(10, to, x);
      case Step::IS_FINITE:
        real(0x5C, kOther, x, {Source::kRegister, x});
        compare(7, kOther, {Source::kRegister, kOther}, false);  // ordered: neither is NaN
        return compared(to);
      case Step::GT: return comparison(0x1E);
      case Step::GE: return comparison(0x1D);
      case Step::LT: return comparison(0x11);
      case Step::LE: return comparison(0x12);
      case Step::EQ: return comparison(0x00);
      case Step::NE: return comparison(0x04);
      case Step::GT_WHOLE: return comparison(6, true);
      case Step::GE_WHOLE: return comparison(5, true);
      case Step::LT_WHOLE: return comparison(1, true);
      case Step::LE_WHOLE: return comparison(2, true);
      case Step::EQ_WHOLE: return comparison(0, true);
      case Step::NE_WHOLE: return comparison(4, true);
      case Step::SELECT: {
        const int asked = in_register(o.of[0], kScratch);
        a_.op(a_.k0F38, a_.k66, 0x27, 2, asked, {Source::kRegister, asked});  // vptestmd
        return blend(to, in_register(o.of[1], kScratch), source(o.of[2]));
      }
      case Step::TO_REAL: return real(0x5B, to, 0, {Source::kRegister, x});
      case Step::TO_WHOLE: return a_.op(a_.k0F, a_.kF3, 0x5B, to, 0, {Source::kRegister, x});
      case Step::ADD_WHOLE: return both(a_.k0F, 0xFE, to, first, second);
      case Step::SUB_WHOLE: return both(a_.k0F, 0xFA, to, first, second);
      case Step::MUL_WHOLE: return both(a_.k0F38, 0x40, to, first, second);
      case Step::MAX_WHOLE: return both(a_.k0F38, 0x3D, to, first, second);
      case Step::MIN_WHOLE: return both(a_.k0F38, 0x39, to, first, second);
      case Step::AND: return both(a_.k0F, 0xDB, to, first, second);
      case Step::OR: return both(a_.k0F, 0xEB, to, first, second);
      case Step::XOR: return both(a_.k0F, 0xEF, to, first, second);
      default: good_ = false;
    }
  }
  void rounded(int how, int to, int x) {
    a_.op(a_.k0F3A, a_.k66, 0x08, to, 0, {Source::kRegister, x});
    a_.bytes({how});
  }
  void extreme(int opcode, int to, int x, Source y) {  // NaN where one of both is: the instruction gives the second then
    real(opcode, kOther, x, y);
    compare(3, x, {Source::kRegister, x}, false);  // unordered
    blend(to, kOther, {Source::kRegister, x});
  }
};

// Memory that can be run, or nothing.
inline Step16 executable(const std::vector<uint8_t>& code) {
  void* const memory = mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  std::memcpy(memory, code.data(), code.size());
  if (mprotect(memory, code.size(), PROT_READ | PROT_EXEC) == 0) return reinterpret_cast<Step16>(memory);
  munmap(memory, code.size());
  return nullptr;
}

// The code of a step, written once for as long as the process lives; nullptr where there is none.
inline Step16 assembled(const std::vector<Place>& places, const std::vector<StepWriter::Operation>& operations,
                        const std::vector<int64_t>& results, const std::vector<Place>& to) {
  static std::mutex mutex;
  static std::map<std::vector<int64_t>, Step16> known;
  std::vector<int64_t> key;
  for (const auto* all : {&places, &to})
    for (const Place& place : *all) key.insert(key.end(), {place.kind, place.at});
  key.push_back(static_cast<int64_t>(places.size()));
  key.insert(key.end(), results.begin(), results.end());
  for (const auto& o : operations) key.insert(key.end(), {o.code, o.to, o.of[0], o.of[1], o.of[2]});
  const std::lock_guard<std::mutex> lock(mutex);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  StepWriter writer(places);
  return known[key] = writer.write(operations, results, to) ? executable(writer.code()) : nullptr;
}

}  // namespace brainsim

#endif
#endif  // BRAINSIM_ASSEMBLED_H_
