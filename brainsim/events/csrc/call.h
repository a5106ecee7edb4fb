// What one call from XLA brings: shared index arrays, operands with any number of batch levels, results, and numbers.
//
// Every handler has the same signature, so that one Python helper lowers them all. The attribute `numbers` holds
//   [levels, extent of each level..., shared, mask of each operand..., the operation's own numbers...]
// The first `shared` arguments carry no batch. Bit l of an operand's mask says that it has batch level l (0 is the
// outermost); an operand without a level is read again for each index of that level and never replicated.
//
// A handler looks at sizes and types only, and hands pointers on: what they point to may be on another device. It writes
// after `Check` (check.h) has compared every size with what it was told.
#ifndef BRAINSIM_CALL_H_
#define BRAINSIM_CALL_H_

#include <cstdint>
#include <cstring>

#include "shared.h"
#include "xla/ffi/api/ffi.h"

namespace brainsim {

namespace ffi = xla::ffi;

class Operand {
 public:
  Operand(ffi::AnyBuffer buffer, int64_t mask, const int64_t* extents, int64_t levels)
      : data_(static_cast<char*>(buffer.untyped_data())), type_(buffer.element_type()), mask_(mask), extents_(extents),
        levels_(levels), count_(static_cast<int64_t>(buffer.element_count())), size_(count_) {
    for (int64_t l = 0; l < levels; ++l)
      if (mask >> l & 1 && extents[l] > 0) size_ /= extents[l];
  }

  ffi::DataType type() const { return type_; }
  int64_t size() const { return size_; }  // elements in one batch entry

  // Whether the buffer has exactly `size` elements in each batch entry.
  bool has(int64_t size) const {
    for (int64_t l = 0; l < levels_; ++l)
      if (mask_ >> l & 1) size *= extents_[l];
    return count_ == size;
  }

  template <class T>
  T* at(int64_t entry) const {
    return reinterpret_cast<T*>(data_) + offset(entry);
  }

  // The same for any element type.
  char* bytes_at(int64_t entry) const {
    return data_ + offset(entry) * static_cast<int64_t>(ffi::ByteWidth(type_));
  }

 private:
  int64_t offset(int64_t entry) const {
    int64_t position = 0, stride = 1;
    for (int64_t l = levels_; l-- > 0;) {
      const int64_t index = entry % extents_[l];
      entry /= extents_[l];
      if (mask_ >> l & 1) {
        position += index * stride;
        stride *= extents_[l];
      }
    }
    return position * size_;
  }

  char* data_;
  ffi::DataType type_;
  int64_t mask_;
  const int64_t* extents_;
  int64_t levels_;
  int64_t count_;  // elements in all batch entries
  int64_t size_;
};

// What XLA brings, without its way to a buffer, which takes as long as a short row of synapses.
struct Arguments : ffi::RemainingArgs {
  Arguments(const ffi::RemainingArgs& args) : ffi::RemainingArgs(args) {}
  ffi::AnyBuffer buffer(int64_t i) const {
    return ffi::AnyBuffer(static_cast<const XLA_FFI_Buffer*>(args()->args[offset() + i]));
  }
};

struct Results : ffi::RemainingRets {
  Results(const ffi::RemainingRets& rets) : ffi::RemainingRets(rets) {}
  ffi::AnyBuffer buffer(int64_t i) const {
    return ffi::AnyBuffer(static_cast<const XLA_FFI_Buffer*>(rets()->rets[offset() + i]));
  }
};

class Call {
 public:
  Call(const char* name, ffi::RemainingArgs args, ffi::RemainingRets rets, ffi::Span<const int64_t> numbers)
      : name_(name), arguments_(args), results_(rets), all_(numbers) {
    const int64_t given = static_cast<int64_t>(numbers.size()), arguments = static_cast<int64_t>(args.size());
    if (given < 2 || numbers[0] < 0 || numbers[0] > 32 || given < numbers[0] + 2) return;
    levels_ = numbers[0];
    extents_ = numbers.begin() + 1;
    for (int64_t l = 0; l < levels_; ++l) {
      if (extents_[l] < 0) return;
      entries_ *= extents_[l];
    }
    shared_ = extents_[levels_];
    masks_ = extents_ + levels_ + 1;
    if (shared_ < 0 || shared_ > arguments || given < levels_ + 2 + arguments - shared_) return;
    for (int64_t i = 0; i < arguments - shared_; ++i)
      if (masks_[i] >> levels_) return;
    own_ = masks_ + (arguments - shared_);
    numbers_ = given - (levels_ + 2 + arguments - shared_);
    well_formed_ = true;
  }

  const char* name() const { return name_; }
  bool well_formed() const { return well_formed_; }
  int64_t entries() const { return entries_; }
  int64_t shared_arrays() const { return shared_; }
  int64_t operands() const { return static_cast<int64_t>(arguments_.size()) - shared_; }
  int64_t results() const { return static_cast<int64_t>(results_.size()); }
  int64_t numbers() const { return numbers_; }
  int64_t number(int64_t i) const { return own_[i]; }

  ffi::AnyBuffer shared_buffer(int64_t i) const { return arguments_.buffer(i); }

  template <class T>
  const T* shared(int64_t i) const {
    return static_cast<const T*>(shared_buffer(i).untyped_data());
  }

  Operand operand(int64_t i) const { return {arguments_.buffer(shared_ + i), masks_[i], extents_, levels_}; }

  // All that was brought: numbers, which stand where they are as long as a program lives, arguments and results.
  ffi::Span<const int64_t> all_numbers() const { return all_; }
  int64_t arguments() const { return static_cast<int64_t>(arguments_.size()); }
  ffi::AnyBuffer argument(int64_t i) const { return arguments_.buffer(i); }
  ffi::AnyBuffer result_buffer(int64_t i) const { return results_.buffer(i); }

  // A result that has every batch level.
  Operand result(int64_t i) const { return {results_.buffer(i), (int64_t{1} << levels_) - 1, extents_, levels_}; }

  // A result with the batch levels of an operand.
  Operand result_like(int64_t result, int64_t operand) const {
    return {results_.buffer(result), masks_[operand], extents_, levels_};
  }

  // A result that XLA keeps in the buffer of an operand.
  Operand in_place(int64_t result, int64_t operand) const {
    const ffi::AnyBuffer to = results_.buffer(result), from = arguments_.buffer(shared_ + operand);
    if (to.untyped_data() != from.untyped_data())
      std::memcpy(to.untyped_data(), from.untyped_data(), from.size_bytes());
    return result_like(result, operand);
  }

 private:
  const char* name_;
  Arguments arguments_;
  Results results_;
  ffi::Span<const int64_t> all_;
  int64_t levels_ = 0;
  const int64_t* extents_ = nullptr;
  int64_t entries_ = 1;
  int64_t shared_ = 0;
  const int64_t* masks_ = nullptr;
  const int64_t* own_ = nullptr;
  int64_t numbers_ = 0;
  bool well_formed_ = false;
};

// Calls f with a zero of the element type, where it is one of those served.
template <class F>
void with_real(ffi::DataType type, F&& f) {
  if (type == ffi::DataType::F32) f(float{});
  if (type == ffi::DataType::F64) f(double{});
}

template <class T, class F>
void with_spikes(ffi::DataType type, F&& f) {
  if (type == ffi::DataType::PRED) f(bool{});
  else f(T{});
}

}  // namespace brainsim

#define BRAINSIM_HANDLER(name, function)                                                                       \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                                                               \
      brainsim_##name,                                                                                         \
      +[](xla::ffi::RemainingArgs args, xla::ffi::RemainingRets rets, xla::ffi::Span<const int64_t> numbers) { \
        return function(brainsim::Call(#name, args, rets, numbers));                                           \
      },                                                                                                       \
      xla::ffi::Ffi::Bind().RemainingArgs().RemainingRets().Attr<xla::ffi::Span<const int64_t>>("numbers"))

#endif  // BRAINSIM_CALL_H_
