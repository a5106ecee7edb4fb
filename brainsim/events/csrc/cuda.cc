// Launches kernels on an NVIDIA GPU: one handler for all operations, told by numbers what to launch (see events/cuda/call.py).
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host.h"
#include "toolkit.h"
#include "xla/ffi/api/ffi.h"

namespace brainsim::cuda {
namespace {

namespace ffi = xla::ffi;

// Reads numbers one after the other, no more than there are.
class Reader {
 public:
  explicit Reader(ffi::Span<const int64_t> numbers) : at_(numbers.begin()), end_(numbers.end()) {}
  int64_t next() {
    if (at_ == end_) return ok_ = false, 0;
    return *at_++;
  }
  // How many follow.
  int64_t count() {
    const int64_t n = next();
    if (n < 0 || n > end_ - at_) return ok_ = false, 0;
    return n;
  }
  bool ok() const { return ok_; }

 private:
  const int64_t* at_;
  const int64_t* end_;
  bool ok_ = true;
};

enum Kind : int64_t { kNumber = 0, kArgument = 1, kResult = 2 };

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

// `program` is compiled and `kernels`, names with a space between them, are launched one after the other. Numbers: how many
// arguments are changed in place, and each with its result; how many launches, and of each: kernel, blocks, threads; how many
// parameters, and in which slot each begins; how many slots, and of each its kind, a number or which buffer, and how many bytes
// behind that begins. All slots have eight bytes.
ffi::Error launch_all(Stream stream, ffi::RemainingArgs arguments, ffi::RemainingRets results, ffi::Span<const int64_t> numbers,
                      std::string_view program, std::string_view kernels) {
  const auto wrong = [](const std::string& what) { return ffi::Error::InvalidArgument("brainsim.launch: " + what); };
  const auto failed = [](const std::string& what) { return ffi::Error::Internal("brainsim.launch: " + what); };
  const auto pointer = [&](int64_t kind, int64_t k) -> char* {
    if (k < 0) return nullptr;
    if (kind == kArgument && k < static_cast<int64_t>(arguments.size()))
      return static_cast<char*>(arguments.get<ffi::AnyBuffer>(k)->untyped_data());
    if (kind == kResult && k < static_cast<int64_t>(results.size()))
      return static_cast<char*>((*results.get<ffi::AnyBuffer>(k))->untyped_data());
    return nullptr;
  };
  const std::vector<std::string_view> names = words_of(kernels);
  const Driver& driver = toolkit().driver();
  Reader reader(numbers);
  for (int64_t n = reader.count(); n > 0; --n) {
    const int64_t argument = reader.next(), result = reader.next();
    if (!reader.ok() || argument < 0 || result < 0 || argument >= static_cast<int64_t>(arguments.size()) ||
        result >= static_cast<int64_t>(results.size()))
      return wrong("a buffer is missing");
    const ffi::AnyBuffer from = *arguments.get<ffi::AnyBuffer>(argument), to = **results.get<ffi::AnyBuffer>(result);
    if (from.size_bytes() != to.size_bytes()) return wrong("what is changed in place has another size");
    if (from.untyped_data() == to.untyped_data() || from.size_bytes() == 0) continue;
    const auto address = [](void* at) { return static_cast<DevicePointer>(reinterpret_cast<uintptr_t>(at)); };
    if (!driver.copy) return failed("the driver was not found");
    if (int code = driver.copy(address(to.untyped_data()), address(from.untyped_data()), from.size_bytes(), stream))
      return failed(driver.error("cuMemcpyDtoDAsync", code));
  }
  std::vector<uint64_t> slots;
  std::vector<int64_t> starts;
  std::vector<void*> parameters;
  for (int64_t n = reader.count(); n > 0; --n) {
    const int64_t kernel = reader.next(), blocks = reader.next(), threads = reader.next();
    starts.resize(reader.count());
    for (int64_t& start : starts) start = reader.next();
    slots.resize(reader.count());
    for (uint64_t& slot : slots) {
      const int64_t kind = reader.next(), value = reader.next(), behind = reader.next();
      slot = static_cast<uint64_t>(value);
      if (kind == kNumber) continue;
      char* const begin = pointer(kind, value);
      slot = begin ? reinterpret_cast<uintptr_t>(begin + behind) : 0;  // of an empty buffer there is no place
    }
    if (!reader.ok() || kernel < 0 || kernel >= static_cast<int64_t>(names.size()) || blocks <= 0 || threads <= 0)
      return wrong("the numbers are of no launch");
    parameters.clear();
    for (const int64_t start : starts) {
      if (start < 0 || start >= static_cast<int64_t>(slots.size())) return wrong("a parameter is missing");
      parameters.push_back(&slots[start]);
    }
    Function function = nullptr;
    if (std::string error = toolkit().find(program, names[kernel], stream, &function); !error.empty()) return failed(error);
    if (int code = driver.launch(function, static_cast<unsigned>(blocks), 1, 1, static_cast<unsigned>(threads), 1, 1, 0, stream,
                                 parameters.data(), nullptr))
      return failed(driver.error("cuLaunchKernel", code));
  }
  return ffi::Error::Success();
}

const char* said(std::string text) {
  static thread_local std::string kept;
  kept = std::move(text);
  return kept.c_str();
}

}  // namespace
}  // namespace brainsim::cuda

// On the stream of a GPU, and for tests without one.
XLA_FFI_DEFINE_HANDLER_SYMBOL(brainsim_launch, brainsim::cuda::launch_all,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::PlatformStream<brainsim::cuda::Stream>>()
                                  .RemainingArgs()
                                  .RemainingRets()
                                  .Attr<xla::ffi::Span<const int64_t>>("numbers")
                                  .Attr<std::string_view>("program")
                                  .Attr<std::string_view>("kernels"),
                              {xla::ffi::Traits::kCmdBufferCompatible});

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    brainsim_launch_here,
    +[](xla::ffi::RemainingArgs arguments, xla::ffi::RemainingRets results, xla::ffi::Span<const int64_t> numbers,
        std::string_view program,
        std::string_view kernels) { return brainsim::cuda::launch_all(nullptr, arguments, results, numbers, program, kernels); },
    xla::ffi::Ffi::Bind()
        .RemainingArgs()
        .RemainingRets()
        .Attr<xla::ffi::Span<const int64_t>>("numbers")
        .Attr<std::string_view>("program")
        .Attr<std::string_view>("kernels"));

// What Python calls; texts that come back are errors, empty where there is none.
using Text = const char*;

BRAINSIM_HOST(Text, cuda_open)(const char* driver, const char* compiler) {
  return brainsim::cuda::said(brainsim::cuda::toolkit().open(driver, compiler));
}

BRAINSIM_HOST(void, cuda_source)(const char* name, const char* text) { brainsim::cuda::toolkit().source(name, text); }

BRAINSIM_HOST(void, cuda_keep_in)(const char* folder) { brainsim::cuda::toolkit().keep_in(folder); }

BRAINSIM_HOST(Text, cuda_compile)(const char* program, int architecture, int64_t* size) {
  return brainsim::cuda::said(brainsim::cuda::toolkit().compile(program, architecture, size));
}

BRAINSIM_HOST(int, cuda_version)() { return brainsim::cuda::toolkit().version(); }

BRAINSIM_HOST(Text, cuda_prepare)(const char* program, const char* kernels, int ordinal) {
  return brainsim::cuda::said(brainsim::cuda::toolkit().prepare(program, brainsim::cuda::words_of(kernels), ordinal));
}

BRAINSIM_HOST(void, cuda_when_needed)(void (*open)()) { brainsim::cuda::toolkit().when_needed(open); }
