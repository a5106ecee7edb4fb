// Arrays behind each other in one, and apart again. Their elements may be of any type, and all have the same.
#include <cstring>

#include "call.h"
#include "check.h"

namespace brainsim {
namespace {

// Operands: the parts, each of as many elements as its number says, or of one that stands for all of them.
ffi::Error join(const Call& call) {
  Check check(call, call.operands());
  check.arguments(0, call.operands(), 1);
  if (!check) return check.error();
  int64_t total = 0;
  const ffi::DataType type = call.result(0).type();
  for (int64_t k = 0; k < call.operands(); ++k) {
    check.that(call.number(k) >= 0, "numbers", k, "are negative");
    check.operand(k, call.operand(k).has(1) ? 1 : call.number(k), type);
    total += call.number(k);
  }
  check.result(0, total, type);
  if (!check) return check.error();
  const size_t width = ffi::ByteWidth(type);
  char* to = call.result(0).bytes_at(0);
  for (int64_t k = 0; k < call.operands(); ++k) {
    const Operand part = call.operand(k);
    const char* const from = part.bytes_at(0);
    if (part.size() == call.number(k)) {
      std::memcpy(to, from, width * call.number(k));
      to += width * call.number(k);
    } else {
      for (int64_t i = 0; i < call.number(k); ++i, to += width) std::memcpy(to, from, width);
    }
  }
  return check.error();
}

// Results: the parts of the operand, each of as many elements as its number says.
ffi::Error split(const Call& call) {
  Check check(call, call.results());
  check.arguments(0, 1, call.results());
  if (!check) return check.error();
  int64_t total = 0;
  const ffi::DataType type = call.operand(0).type();
  for (int64_t k = 0; k < call.results(); ++k) {
    check.that(call.number(k) >= 0, "numbers", k, "are negative");
    check.result(k, call.number(k), type);
    total += call.number(k);
  }
  check.operand(0, total, type);
  if (!check) return check.error();
  const size_t width = ffi::ByteWidth(type);
  const char* from = call.operand(0).bytes_at(0);
  for (int64_t k = 0; k < call.results(); ++k) {
    std::memcpy(call.result(k).bytes_at(0), from, width * call.number(k));
    from += width * call.number(k);
  }
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(join, brainsim::join);
BRAINSIM_HANDLER(split, brainsim::split);
