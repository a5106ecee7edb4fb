// A short program of plain arithmetic, for many elements and many steps. A register holds some elements at a time, so that an
// operation is one loop over numbers in the first cache. Whole numbers and bools stand in registers of the same size.
#ifndef BRAINSIM_RECURRENCE_H_
#define BRAINSIM_RECURRENCE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "assembled.h"
#include "elementwise.h"
#include "registers.h"
#include "shared.h"

namespace brainsim {

constexpr int64_t kLanes = 256;       // elements of a register
constexpr int64_t kSlab = 64 * kLanes;  // elements that go through all steps together: what they carry stays in the second cache

struct Recurrence {
  struct Given { char* data; int64_t period; Kind kind; int64_t apart; };  // apart: from one example to the next, in elements
  struct Made { char* data; int64_t from; Kind kind; int64_t apart; };
  struct Operation { int64_t code, to, of[3]; };
  int64_t steps = 0, elements = 0, examples = 0, fixed = 0, carried = 0, registers = 0, constants = 0, before = 0, loop = 0;
  bool backwards = false;
  std::vector<Given> operands;
  std::vector<Made> results;
  std::vector<Operation> operations;
  std::vector<bool> counts;  // which constants are whole numbers
};

// Room for so many bytes, at a line of the cache.
inline char* aligned(std::vector<char>& room, int64_t bytes) {
  room.resize(bytes + 64);
  return room.data() + (-reinterpret_cast<intptr_t>(room.data()) & 63);
}

#ifdef BRAINSIM_ASSEMBLED
// A step as machine code, and the arrays that it goes over: of operands, of what is the same at all steps, of results.
struct Assembled {
  Step16 step = nullptr;
  std::vector<float> same;
  std::vector<char*> rows;

  void run(const Recurrence& job, const std::vector<const char*>& operands, const std::vector<char*>& results, int64_t w) {
    const int64_t given = static_cast<int64_t>(job.operands.size());
    for (int64_t i = job.fixed; i < given; ++i) {
      rows[i] = const_cast<char*>(operands[i]);
      if (job.operands[i].period != 1) continue;
      const int32_t whole = job.operands[i].kind == Kind::kBool ? *reinterpret_cast<const bool*>(operands[i]) : 0;
      std::memcpy(&same[StepWriter::kNumbers + i], job.operands[i].kind == Kind::kBool ? reinterpret_cast<const char*>(&whole) : operands[i], 4);
    }
    std::copy(results.begin(), results.end(), rows.end() - static_cast<int64_t>(results.size()));
    const int64_t full = w / 16 * 64;
    if (full) step(rows.data(), same.data(), 0, full, 0xFFFF);
    if (w % 16) step(rows.data(), same.data(), full, full + 64, (1 << w % 16) - 1);
  }
};

inline Assembled assemble(const Recurrence& job, const std::vector<bool>& uniform, const std::vector<bool>& read, const std::vector<int64_t>& own) {
  Assembled made;
  const int64_t given = static_cast<int64_t>(job.operands.size()), results = static_cast<int64_t>(job.results.size());
  const int64_t first = given + static_cast<int64_t>(own.size());
  std::vector<Place> places(job.registers, {Place::kNone, 0}), to;
  for (int64_t r = 0; r < job.registers; ++r)
    if (uniform[r]) places[r] = {Place::kSame, StepWriter::kNumbers + r};
  for (size_t k = 0; k < own.size(); ++k)
    if (read[own[k]]) places[own[k]] = {Place::kRow, given + static_cast<int64_t>(k)};
  for (int64_t i = job.fixed; i < given; ++i) {
    if (!read[i]) continue;
    const Recurrence::Given& from = job.operands[i];
    if (from.period == job.elements && job.elements > 1) places[i] = {from.kind == Kind::kBool ? Place::kBytes : Place::kRow, i};
    else if (from.period == 1) places[i] = {Place::kSame, StepWriter::kNumbers + i};
    else return made;
  }
  std::vector<int64_t> from;
  for (int64_t r = 0; r < results; ++r) {
    from.push_back(job.results[r].from);
    to.push_back({job.results[r].kind == Kind::kBool ? Place::kBytes : Place::kRow, first + r});
  }
  std::vector<StepWriter::Operation> operations;
  for (int64_t k = job.before; k < job.before + job.loop; ++k) {
    const Recurrence::Operation& o = job.operations[k];
    operations.push_back({o.code, o.to, {o.of[0], o.of[1], o.of[2]}});
  }
  made.step = assembled(places, operations, from, to);
  made.rows.resize(first + results);
  made.same.resize(StepWriter::kNumbers + job.registers);
  const uint32_t bits[] = {1, 0x80000000u, 0x7FFFFFFFu};
  std::memcpy(made.same.data(), bits, sizeof bits);
  return made;
}
#endif

template <class T, bool kWide>
BRAINSIM_INLINE void run_steps(const Recurrence& job, const T* constants) {
  using I = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  using Operation = Recurrence::Operation;
  constexpr int64_t kRegister = kLanes * sizeof(T);
  static thread_local std::vector<char> room, kept, other;
  const int64_t given = static_cast<int64_t>(job.operands.size()), taken = job.fixed + job.carried;
  const int64_t results = static_cast<int64_t>(job.results.size());
  char* const rooms = aligned(room, job.registers * kRegister);
  const auto direct = [&](Kind kind) { return kind == Kind::kReal || (kind == Kind::kCount && sizeof(T) == 4); };
  const Operation* const loop = job.operations.data() + job.before;
  std::vector<const char*> at(job.registers);       // where a register is
  std::vector<bool> uniform(job.registers, false);  // one value for all elements and steps
  std::vector<bool> read(job.registers, false);     // in the loop, or given
  for (int64_t r = 0; r < job.registers; ++r) at[r] = rooms + r * kRegister;
  for (int64_t k = 0; k < job.loop; ++k)
    for (int64_t of : loop[k].of) read[of] = true;
  for (const auto& to : job.results) read[to.from] = true;
  const auto of_all = [&](const Operation& o) { return uniform[o.of[0]] && uniform[o.of[1]] && uniform[o.of[2]]; };
  const auto execute = [&](const Operation& o, char* to, int64_t w) BRAINSIM_INLINED {
    const char* const of[3] = {at[o.of[0]], at[o.of[1]], at[o.of[2]]};
    if (w == kLanes) operate<T, I, kLanes>(o.code, to, of, w);
    else operate<T, I, 0>(o.code, to, of, w);
  };
  const auto whole = [&](int64_t r) { return const_cast<char*>(at[r]); };
  const auto repeat = [&](int64_t r) {  // the first of its elements, whatever it is
    for (int64_t k = 1; k < kLanes; ++k) std::memcpy(whole(r) + k * sizeof(T), at[r], sizeof(T));
  };
  for (int64_t k = 0; k < job.constants; ++k) {
    uniform[given + k] = true;
    if (job.counts[k]) std::fill_n(reinterpret_cast<I*>(whole(given + k)), kLanes, static_cast<I>(constants[k]));
    else std::fill_n(reinterpret_cast<T*>(whole(given + k)), kLanes, constants[k]);
  }
  bool again = false;  // whether examples have their own of what is the same for all elements
  for (int64_t i = 0; i < job.fixed; ++i) {
    uniform[i] = job.operands[i].period == 1;
    again |= uniform[i] && job.operands[i].apart;
  }
  std::vector<Operation> once, each;  // of those before the loop
  for (int64_t k = 0; k < job.before; ++k) {
    const Operation& o = job.operations[k];
    uniform[o.to] = of_all(o);
    (uniform[o.to] ? once : each).push_back(o);
  }
  // What is the same at all steps and not for all elements, for the whole slab
  std::vector<int64_t> own;
  for (int64_t i = 0; i < job.fixed; ++i)
    if (!uniform[i]) own.push_back(i);
  for (const Operation& o : each) own.push_back(o.to);
  char* const held = aligned(kept, own.size() * kSlab * sizeof(T));
  const auto keep = [&](int64_t k) { return held + k * kSlab * static_cast<int64_t>(sizeof(T)); };

  // What is carried stands in two places in turn: a step reads one and writes the other, the last one writes the result
  std::vector<char*> places[2];
  std::vector<int64_t> width;
  int64_t bytes = 0;
  for (const auto& to : job.results) width.push_back(bytes_of(to.kind, sizeof(T)));
  for (int64_t i = 0; i < job.carried; ++i) bytes += width[i] * kSlab;
  char* const others = aligned(other, bytes);
  places[0].resize(job.carried), places[1].resize(job.carried);
  std::vector<int64_t> written(job.registers, -1);  // the result whose place an operation may write at once
  for (int64_t r = 0; r < results; ++r)
    if (direct(job.results[r].kind)) written[job.results[r].from] = r;
  std::vector<char*> row_of(results);
  std::vector<const char*> rows(given);
#ifdef BRAINSIM_ASSEMBLED
  Assembled machine;
  if constexpr (kWide && std::is_same_v<T, float>) machine = assemble(job, uniform, read, own);
#endif

  for (int64_t example = 0; example < job.examples; ++example) {
    const auto data = [&](int64_t i) {
      const Recurrence::Given& from = job.operands[i];
      return from.data + example * from.apart * bytes_of(from.kind, sizeof(T));
    };
    const auto result = [&](int64_t r) { return job.results[r].data + example * job.results[r].apart * width[r]; };
    if (example == 0 || again) {
      for (int64_t i = 0; i < job.fixed; ++i)
        if (uniform[i]) load<T, I>(data(i), job.operands[i].kind, 1, 0, kLanes, whole(i));
      for (const Operation& o : once) {
        execute(o, whole(o.to), 1);
        repeat(o.to);
      }
#ifdef BRAINSIM_ASSEMBLED
      for (int64_t r = 0; machine.step && r < job.registers; ++r)
        if (uniform[r]) std::memcpy(&machine.same[StepWriter::kNumbers + r], at[r], 4);
#endif
    }
#ifdef BRAINSIM_ASSEMBLED
    for (size_t k = 0; machine.step && k < own.size(); ++k) machine.rows[given + k] = keep(k);
#endif
    for (int64_t begin = 0; begin < job.elements; begin += kSlab) {
      const int64_t end = std::min(begin + kSlab, job.elements);
      for (int64_t m = begin; m < end; m += kLanes) {
        const int64_t w = std::min(kLanes, end - m), offset = (m - begin) * sizeof(T);
        int64_t k = 0;
        for (int64_t i = 0; i < job.fixed; ++i)
          if (!uniform[i]) {
            at[i] = keep(k++) + offset;
            load<T, I>(data(i), job.operands[i].kind, job.operands[i].period, m, w, whole(i));
          }
        for (const Operation& o : each) {
          at[o.to] = keep(k++) + offset;
          execute(o, whole(o.to), w);
        }
      }
      char* second = others;
      for (int64_t i = 0; i < job.carried; ++i) {
        places[job.steps & 1][i] = result(i) + begin * width[i];  // of a step's beginning, where an even number is left
        places[~job.steps & 1][i] = second;
        second += kSlab * width[i];
        std::memmove(places[0][i], data(job.fixed + i) + begin * width[i], (end - begin) * width[i]);
      }
      for (int64_t step = 0; step < job.steps; ++step) {
        const int64_t t = job.backwards ? job.steps - 1 - step : step;
        for (int64_t r = 0; r < results; ++r)
          row_of[r] = r < job.carried ? places[~step & 1][r] : result(r) + (t * job.elements + begin) * width[r];
        for (int64_t i = job.fixed; i < taken; ++i) rows[i] = places[step & 1][i - job.fixed];
        for (int64_t i = taken; i < given; ++i) {
          const Recurrence::Given& from = job.operands[i];
          rows[i] = data(i) + t * from.period * bytes_of(from.kind, sizeof(T));
          if (from.period == job.elements) rows[i] += begin * bytes_of(from.kind, sizeof(T));
        }
#ifdef BRAINSIM_ASSEMBLED
        if (machine.step) {
          machine.run(job, rows, row_of, end - begin);
          continue;
        }
#endif
        for (int64_t m = begin; m < end; m += kLanes) {
          const int64_t w = std::min(kLanes, end - m), offset = m - begin;
          for (size_t k = 0; k < own.size(); ++k) at[own[k]] = keep(k) + offset * sizeof(T);
          for (int64_t i = job.fixed; i < given; ++i) {
            if (!read[i]) continue;
            const Recurrence::Given& from = job.operands[i];
            const bool all = from.period == job.elements;
            if (all && direct(from.kind)) {
              at[i] = rows[i] + offset * bytes_of(from.kind, sizeof(T));
              continue;
            }
            at[i] = rooms + i * kRegister;
            load<T, I>(rows[i], from.kind, all ? kSlab : from.period, all ? offset : m, w, whole(i));
          }
          for (int64_t k = 0; k < job.loop; ++k) {
            const int64_t to = loop[k].to, r = written[to];
            char* const place = r < 0 ? rooms + to * kRegister : row_of[r] + offset * width[r];
            execute(loop[k], place, w);
            at[to] = place;
          }
          for (int64_t r = 0; r < results; ++r) {
            const Recurrence::Made& to = job.results[r];
            char* const place = row_of[r] + offset * width[r];
            if (place != at[to.from]) store<T, I>(at[to.from], to.kind, w, place);
          }
        }
      }
    }
  }
}

#ifdef BRAINSIM_WIDER
template <class T>
__attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512"))) void run_64(const Recurrence& job, const T* constants) {
  run_steps<T, true>(job, constants);
}

template <class T>
__attribute__((target("avx2"))) void run_32(const Recurrence& job, const T* constants) {
  run_steps<T, false>(job, constants);
}
#endif

template <class T>
void run_recurrence(const Recurrence& job, const T* constants) {
#ifdef BRAINSIM_WIDER
  static const bool wide = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (widest() == 64 && wide) return run_64<T>(job, constants);
  if (widest() >= 32) return run_32<T>(job, constants);
#endif
  run_steps<T, false>(job, constants);
}

}  // namespace brainsim

#endif  // BRAINSIM_RECURRENCE_H_
