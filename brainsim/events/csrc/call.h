// What one call from XLA brings: shared index arrays, operands with any number of batch levels, results, and numbers.
//
// Every handler has the same signature, so that one Python helper lowers them all. The attribute `numbers` holds
//   [levels, extent of each level..., shared, mask of each operand..., the operation's own numbers...]
// The first `shared` arguments carry no batch. Bit l of an operand's mask says that it has batch level l (0 is the
// outermost); an operand without a level is read again for each index of that level and never replicated.
#ifndef BRAINSIM_CALL_H_
#define BRAINSIM_CALL_H_

#include <cstdint>
#include <cstring>

#include "xla/ffi/api/ffi.h"

namespace brainsim {

namespace ffi = xla::ffi;

class Operand {
 public:
  Operand(ffi::AnyBuffer buffer, int64_t mask, const int64_t* extents, int64_t levels)
      : buffer_(buffer), mask_(mask), extents_(extents), levels_(levels), size_(buffer.element_count()) {
    for (int64_t l = 0; l < levels; ++l)
      if (mask >> l & 1 && extents[l] > 0) size_ /= extents[l];
  }

  ffi::DataType type() const { return buffer_.element_type(); }
  int64_t size() const { return size_; }  // elements in one batch entry

  template <class T>
  T* at(int64_t entry) const {
    int64_t position = 0, stride = 1;
    for (int64_t l = levels_; l-- > 0;) {
      const int64_t index = entry % extents_[l];
      entry /= extents_[l];
      if (mask_ >> l & 1) {
        position += index * stride;
        stride *= extents_[l];
      }
    }
    return static_cast<T*>(buffer_.untyped_data()) + position * size_;
  }

 private:
  ffi::AnyBuffer buffer_;
  int64_t mask_;
  const int64_t* extents_;
  int64_t levels_;
  int64_t size_;
};

class Call {
 public:
  Call(ffi::RemainingArgs args, ffi::RemainingRets rets, ffi::Span<const int64_t> numbers)
      : args_(args), rets_(rets), levels_(numbers[0]), extents_(numbers.begin() + 1) {
    for (int64_t l = 0; l < levels_; ++l) entries_ *= extents_[l];
    shared_ = extents_[levels_];
    masks_ = extents_ + levels_ + 1;
    own_ = masks_ + (static_cast<int64_t>(args.size()) - shared_);
  }

  int64_t entries() const { return entries_; }
  int64_t operands() const { return static_cast<int64_t>(args_.size()) - shared_; }
  int64_t results() const { return static_cast<int64_t>(rets_.size()); }
  int64_t number(int64_t i) const { return own_[i]; }

  template <class T>
  const T* shared(int64_t i) const {
    return static_cast<const T*>(args_.get<ffi::AnyBuffer>(i)->untyped_data());
  }

  Operand operand(int64_t i) const {
    return {*args_.get<ffi::AnyBuffer>(shared_ + i), masks_[i], extents_, levels_};
  }

  // A result that has every batch level.
  Operand result(int64_t i) const { return {*result_buffer(i), (int64_t{1} << levels_) - 1, extents_, levels_}; }

  // A result that XLA keeps in the buffer of an operand; it has the operand's batch levels.
  Operand in_place(int64_t result, int64_t operand) const {
    ffi::AnyBuffer to = *result_buffer(result);
    const ffi::AnyBuffer from = *args_.get<ffi::AnyBuffer>(shared_ + operand);
    if (to.untyped_data() != from.untyped_data())
      std::memcpy(to.untyped_data(), from.untyped_data(), from.size_bytes());
    return {to, masks_[operand], extents_, levels_};
  }

 private:
  ffi::Result<ffi::AnyBuffer> result_buffer(int64_t i) const { return *rets_.get<ffi::AnyBuffer>(i); }

  ffi::RemainingArgs args_;
  ffi::RemainingRets rets_;
  int64_t levels_;
  const int64_t* extents_;
  int64_t entries_ = 1;
  int64_t shared_;
  const int64_t* masks_;
  const int64_t* own_;
};

// Calls f with a zero of the element type; false where the type is not served.
template <class F>
bool with_real(ffi::DataType type, F&& f) {
  if (type == ffi::DataType::F32) return f(float{}), true;
  if (type == ffi::DataType::F64) return f(double{}), true;
  return false;
}

template <class T, class F>
bool with_spikes(ffi::DataType type, F&& f) {
  if (type == ffi::DataType::PRED) return f(bool{}), true;
  if (type == (sizeof(T) == 4 ? ffi::DataType::F32 : ffi::DataType::F64)) return f(T{}), true;
  return false;
}

inline ffi::Error served(bool ok) {
  return ok ? ffi::Error::Success() : ffi::Error::InvalidArgument("brainsim: this element type has no compiled kernel");
}

}  // namespace brainsim

#define BRAINSIM_HANDLER(name, function)                                                                       \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                                                               \
      brainsim_##name,                                                                                         \
      +[](xla::ffi::RemainingArgs args, xla::ffi::RemainingRets rets, xla::ffi::Span<const int64_t> numbers) { \
        return function(brainsim::Call(args, rets, numbers));                                                  \
      },                                                                                                       \
      xla::ffi::Ffi::Bind().RemainingArgs().RemainingRets().Attr<xla::ffi::Span<const int64_t>>("numbers"))

#endif  // BRAINSIM_CALL_H_
