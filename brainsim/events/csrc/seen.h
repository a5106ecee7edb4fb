// A call that brings what another brought, to the last pointer, need not be compared with its numbers again: in a loop that is
// each step.
#ifndef BRAINSIM_SEEN_H_
#define BRAINSIM_SEEN_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "call.h"

namespace brainsim {

class Seen {
 public:
  bool is(const Call& call) const {
    const ffi::Span<const int64_t> numbers = call.all_numbers();
    const int64_t arguments = call.arguments(), results = call.results();
    if (numbers.begin() != at_ || numbers.size() != numbers_.size()) return false;
    if (arguments != arguments_ || arguments + results != static_cast<int64_t>(buffers_.size())) return false;
    for (int64_t i = 0; i < arguments; ++i)
      if (!buffers_[i].is(call.argument(i))) return false;
    for (int64_t i = 0; i < results; ++i)
      if (!buffers_[arguments + i].is(call.result_buffer(i))) return false;
    return std::equal(numbers.begin(), numbers.end(), numbers_.begin());
  }

  void keep(const Call& call) {
    const ffi::Span<const int64_t> numbers = call.all_numbers();
    at_ = numbers.begin(), numbers_.assign(numbers.begin(), numbers.end()), arguments_ = call.arguments();
    buffers_.clear();
    for (int64_t i = 0; i < arguments_; ++i) buffers_.emplace_back(call.argument(i));
    for (int64_t i = 0; i < call.results(); ++i) buffers_.emplace_back(call.result_buffer(i));
  }

  void forget() { at_ = nullptr; }

 private:
  struct Buffer {
    const void* data;
    size_t elements;
    ffi::DataType type;
    explicit Buffer(ffi::AnyBuffer buffer) : data(buffer.untyped_data()), elements(buffer.element_count()), type(buffer.element_type()) {}
    bool is(ffi::AnyBuffer other) const {
      return data == other.untyped_data() && type == other.element_type() && elements == other.element_count();
    }
  };

  const int64_t* at_ = nullptr;
  std::vector<int64_t> numbers_;
  std::vector<Buffer> buffers_;  // of arguments, and results
  int64_t arguments_ = 0;
};

}  // namespace brainsim

#endif  // BRAINSIM_SEEN_H_
