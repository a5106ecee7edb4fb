// A call is compared with what it was told before anything is written: the first thing that does not fit is its error.
#ifndef BRAINSIM_CHECK_H_
#define BRAINSIM_CHECK_H_

#include <cstdint>
#include <string>

#include "call.h"

namespace brainsim {

class Check {
 public:
  // The own numbers that a handler reads begin with as many as this.
  Check(const Call& call, int64_t numbers) : call_(call) {
    if (!call.well_formed()) fail("call", 0, "is malformed");
    else this->numbers(numbers);
  }

  explicit operator bool() const { return what_ == nullptr; }

  ffi::Error error() const {
    if (*this) return ffi::Error::Success();
    std::string text = std::string("brainsim.") + call_.name() + ": " + kind_ + " " + std::to_string(which_) + " " + what_;
    if (expected_ >= 0) text += " " + std::to_string(expected_) + ", got " + std::to_string(got_);
    return ffi::Error::InvalidArgument(text);
  }

  void that(bool ok, const char* kind, int64_t which, const char* what) {
    if (!ok) fail(kind, which, what);
  }

  void numbers(int64_t least) {
    if (*this && call_.numbers() < least) fail("numbers", 0, "are at least", least, call_.numbers());
  }

  void arguments(int64_t shared, int64_t operands, int64_t results) {
    if (*this && call_.shared_arrays() != shared) fail("shared arrays", 0, "are", shared, call_.shared_arrays());
    if (*this && call_.operands() != operands) fail("operands", 0, "are", operands, call_.operands());
    if (*this && call_.results() != results) fail("results", 0, "are", results, call_.results());
  }

  void shared(int64_t i, int64_t size, ffi::DataType type) {
    if (!*this) return;
    if (i < 0 || i >= call_.shared_arrays()) return fail("shared array", i, "is missing");
    const ffi::AnyBuffer buffer = call_.shared_buffer(i);
    if (buffer.element_type() != type) return fail("shared array", i, "has another element type");
    const int64_t found = static_cast<int64_t>(buffer.element_count());
    if (size >= 0 && found != size) fail("shared array", i, "has a number of elements that is", size, found);
  }

  void operand(int64_t i, int64_t size, ffi::DataType type) {
    if (!*this) return;
    if (i < 0 || i >= call_.operands()) return fail("operand", i, "is missing");
    fits("operand", i, call_.operand(i), size, type);
  }

  // One value for all, or one each.
  void one_or_each(int64_t i, int64_t each, ffi::DataType type) {
    if (!*this) return;
    if (i < 0 || i >= call_.operands()) return fail("operand", i, "is missing");
    const Operand given = call_.operand(i);
    fits("operand", i, given, given.has(1) ? 1 : each, type);
  }

  // Bool, or values of the type.
  void spikes(int64_t i, int64_t size, ffi::DataType type) {
    if (!*this) return;
    if (i < 0 || i >= call_.operands()) return fail("operand", i, "is missing");
    const Operand given = call_.operand(i);
    fits("operand", i, given, size, given.type() == ffi::DataType::PRED ? ffi::DataType::PRED : type);
  }

  // A result that has every batch level.
  void result(int64_t i, int64_t size, ffi::DataType type) {
    if (!*this) return;
    if (i < 0 || i >= call_.results()) return fail("result", i, "is missing");
    fits("result", i, call_.result(i), size, type);
  }

  // A result in the place of an operand of this size and type.
  void in_place(int64_t result, int64_t i, int64_t size, ffi::DataType type) {
    operand(i, size, type);
    if (!*this) return;
    if (result < 0 || result >= call_.results()) return fail("result", result, "is missing");
    fits("result", result, call_.result_like(result, i), size, type);
  }

  // The element type of an operand, which is float or double.
  ffi::DataType real(int64_t i) {
    if (!*this) return ffi::DataType::INVALID;
    if (i < 0 || i >= call_.operands()) return fail("operand", i, "is missing"), ffi::DataType::INVALID;
    const ffi::DataType type = call_.operand(i).type();
    if (type != ffi::DataType::F32 && type != ffi::DataType::F64) fail("operand", i, "is not of 32 or 64 bits and real");
    return type;
  }

 private:
  void fits(const char* kind, int64_t i, const Operand& given, int64_t size, ffi::DataType type) {
    if (given.type() != type) fail(kind, i, "has another element type");
    else if (!given.has(size)) fail(kind, i, "has a number of elements in each batch entry that is", size, given.size());
  }

  void fail(const char* kind, int64_t which, const char* what, int64_t expected = -1, int64_t got = 0) {
    if (!*this) return;
    kind_ = kind, which_ = which, what_ = what, expected_ = expected, got_ = got;
  }

  const Call& call_;
  const char* kind_ = nullptr;
  const char* what_ = nullptr;
  int64_t which_ = 0, expected_ = -1, got_ = 0;
};

}  // namespace brainsim

#endif  // BRAINSIM_CHECK_H_
