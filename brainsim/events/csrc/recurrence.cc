// Handler of a recurrence over time: a short program on each element, at each step. Operands: what is read at all steps, what is
// carried, what is taken at each step [steps, ...], and constants. Results: what is carried at the end, and what is given at each
// step. Examples are independent of each other, and all of an example stands before the next one; an operand may be the same for
// all, and may repeat itself after so many elements, its period. Own numbers: Recurrence, the period of each operand, whether
// each example has its own, the numbers of registers, of constants, of operations before the loop and in it, the register of
// each result, which constants are whole numbers, and the operations: a code, the register of the result, and three of arguments.
#include "recurrence.h"

#include "call.h"
#include "check.h"

namespace brainsim {
namespace {

using Numbers = shared::Recurrence;

bool served(ffi::DataType type, ffi::DataType real) {
  return type == real || type == ffi::DataType::S32 || type == ffi::DataType::PRED;
}

Kind kind_of(ffi::DataType type) {
  return type == ffi::DataType::PRED ? Kind::kBool : type == ffi::DataType::S32 ? Kind::kCount : Kind::kReal;
}

// The program, or an error.
Recurrence read(const Call& call, Check& check) {
  Recurrence job;
  const int64_t given = call.operands() - 1;  // the last are constants
  job.steps = call.number(Numbers::steps), job.elements = call.number(Numbers::elements);
  job.backwards = call.number(Numbers::backwards) != 0;
  job.fixed = call.number(Numbers::fixed), job.carried = call.number(Numbers::carried);
  job.examples = call.number(Numbers::examples);
  int64_t at = Numbers::size + 2 * given;
  check.numbers(at + 4);
  check.that(given >= 0 && job.fixed >= 0 && job.carried >= 0 && job.fixed + job.carried <= given && job.steps >= 0 && job.elements >= 0 && job.examples >= 0,
             "numbers", 0, "do not fit");
  if (!check) return job;
  const int64_t registers = call.number(at), constants = call.number(at + 1);
  const int64_t before = call.number(at + 2), loop = call.number(at + 3), results = call.results();
  at += 4;
  check.that(before >= 0 && loop >= 0 && constants >= 0 && registers >= given + constants && registers < 1 << 16, "numbers", at, "do not fit");
  if (!check) return job;
  check.numbers(at + results + constants + 5 * (before + loop));
  if (!check) return job;
  job.registers = registers, job.constants = constants, job.before = before, job.loop = loop;
  const ffi::DataType real = check.real(given);
  for (int64_t i = 0; i < given; ++i) {
    const int64_t period = call.number(Numbers::size + i), rows = i >= job.fixed + job.carried ? job.steps : 1;
    const ffi::DataType type = call.operand(i).type();
    check.that(served(type, real), "operand", i, "has another element type");
    check.that(period > 0 ? job.elements % period == 0 : job.elements == 0, "operand", i, "has a period that does not fit");
    const bool apart = call.number(Numbers::size + given + i) != 0;
    check.operand(i, (apart ? job.examples : 1) * rows * period, type);
    check.that(apart || job.examples <= 1 || i < job.fixed || i >= job.fixed + job.carried, "operand", i, "is carried and shared");
    check.that(i < job.fixed || i >= job.fixed + job.carried || period == job.elements, "operand", i, "is carried and repeats itself");
    if (!check) return job;
    job.operands.push_back({call.operand(i).bytes_at(0), period, kind_of(type), apart ? rows * period : 0});
  }
  check.operand(given, constants, real);
  for (int64_t i = 0; i < results; ++i) {
    const ffi::DataType type = call.result(i).type();
    check.that(served(type, real), "result", i, "has another element type");
    const int64_t size = (i < job.carried ? 1 : job.steps) * job.elements;
    check.result(i, job.examples * size, type);
    const int64_t from = call.number(at + i);
    check.that(from >= 0 && from < registers, "numbers", at + i, "name no register");
    check.that(i >= job.carried || !check || kind_of(type) == job.operands[job.fixed + i].kind, "result", i, "is of another type");
    if (!check) return job;
    job.results.push_back({call.result(i).bytes_at(0), from, kind_of(type), size});
  }
  check.that(static_cast<int64_t>(job.results.size()) >= job.carried, "results", 0, "are missing");
  at += results;
  for (int64_t k = 0; k < constants; ++k) job.counts.push_back(call.number(at++) != 0);
  for (int64_t k = 0; k < before + loop; ++k, at += 5) {
    for (int64_t q = 1; q < 5; ++q)
      check.that(call.number(at + q) >= 0 && call.number(at + q) < registers, "numbers", at + q, "name no register");
    check.that(call.number(at + 1) >= given + constants, "numbers", at + 1, "overwrite an argument");
    check.that(call.number(at) >= 0 && call.number(at) <= shared::Step::POW, "numbers", at, "name no operation");
    if (!check) return job;
    job.operations.push_back({call.number(at), call.number(at + 1), {call.number(at + 2), call.number(at + 3), call.number(at + 4)}});
  }
  return job;
}

ffi::Error recurrence(const Call& call) {
  Check check(call, Numbers::size);
  check.that(!check || (call.operands() > 0 && call.shared_arrays() == 0 && call.entries() == 1), "call", 0, "is malformed");
  if (!check) return check.error();
  Recurrence job = read(call, check);
  if (!check) return check.error();
  const int64_t last = call.operands() - 1;
  with_real(call.operand(last).type(), [&](auto zero) {
    using T = decltype(zero);
    run_recurrence<T>(job, call.operand(last).at<T>(0));
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(recurrence, brainsim::recurrence);
