// Launches kernels on an NVIDIA GPU: one handler for all operations, told by numbers what to launch (see events/cuda/call.py).
//
// Nothing of CUDA is needed to build this: the driver and NVRTC, the compiler of kernels, are found when they are first needed.
// A program is a short text that includes sources which Python has handed over. It is compiled once for an architecture and
// kept on disk, and loaded once for each device.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#if !defined(_WIN32)
#include <dlfcn.h>
#include <unistd.h>
#endif

#include "host.h"
#include "xla/ffi/api/ffi.h"

namespace brainsim {
namespace {

namespace ffi = xla::ffi;

// Types of the driver, which are pointers and numbers to us.
using Stream = struct CUstream_st*;
using Function = struct CUfunc_st*;
using Module = struct CUmod_st*;
using Context = struct CUctx_st*;
using DevicePointer = unsigned long long;

constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR

class Library {
 public:
  // An error, or nothing.
  std::string open(const char* path) {
#if defined(_WIN32)
    return "CUDA is not served on Windows";
#else
    handle_ = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    return handle_ ? "" : dlerror();
#endif
  }

  template <class F>
  void find(const char* name, F*& function) {
#if !defined(_WIN32)
    function = reinterpret_cast<F*>(dlsym(handle_, name));
#endif
    if (!function && missing_.empty()) missing_ = std::string("there is no ") + name;
  }

  const std::string& missing() const { return missing_; }

 private:
  void* handle_ = nullptr;
  std::string missing_;
};

struct Driver {
  int (*init)(unsigned) = nullptr;
  int (*version)(int*) = nullptr;
  int (*device)(int*, int) = nullptr;
  int (*attribute)(int*, int, int) = nullptr;
  int (*retain)(Context*, int) = nullptr;
  int (*set)(Context) = nullptr;
  int (*current)(Context*) = nullptr;
  int (*current_device)(int*) = nullptr;
  int (*of_stream)(Stream, Context*) = nullptr;
  int (*load)(Module*, const void*) = nullptr;
  int (*function)(Function*, Module, const char*) = nullptr;
  int (*launch)(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, void**, void**) = nullptr;
  int (*copy)(DevicePointer, DevicePointer, size_t, Stream) = nullptr;
  int (*text)(int, const char**) = nullptr;

  std::string open(const char* path) {
    Library library;
    if (std::string error = library.open(path); !error.empty()) return error;
    library.find("cuInit", init);
    library.find("cuDriverGetVersion", version);
    library.find("cuDeviceGet", device);
    library.find("cuDeviceGetAttribute", attribute);
    library.find("cuDevicePrimaryCtxRetain", retain);
    library.find("cuCtxSetCurrent", set);
    library.find("cuCtxGetCurrent", current);
    library.find("cuCtxGetDevice", current_device);
    library.find("cuStreamGetCtx", of_stream);
    library.find("cuModuleLoadData", load);
    library.find("cuModuleGetFunction", function);
    library.find("cuLaunchKernel", launch);
    library.find("cuMemcpyDtoDAsync_v2", copy);
    library.find("cuGetErrorString", text);
    if (!library.missing().empty()) return library.missing();
    const int code = init(0);
    return code ? error("cuInit", code) : "";
  }

  std::string error(const char* what, int code) const {
    const char* said = nullptr;
    if (text) text(code, &said);
    return std::string(what) + ": " + (said ? said : "error") + " (" + std::to_string(code) + ")";
  }
};

struct Compiler {
  using Program = void*;
  int (*version)(int*, int*) = nullptr;
  int (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  int (*compile)(Program, int, const char* const*) = nullptr;
  int (*destroy)(Program*) = nullptr;
  int (*size)(Program, size_t*) = nullptr;
  int (*image)(Program, char*) = nullptr;
  int (*portable_size)(Program, size_t*) = nullptr;
  int (*portable)(Program, char*) = nullptr;
  int (*log_size)(Program, size_t*) = nullptr;
  int (*log)(Program, char*) = nullptr;
  int (*count)(int*) = nullptr;
  int (*architectures)(int*) = nullptr;
  int major = 0, minor = 0;

  std::string open(const char* path) {
    Library library;
    if (std::string error = library.open(path); !error.empty()) return error;
    library.find("nvrtcVersion", version);
    library.find("nvrtcCreateProgram", create);
    library.find("nvrtcCompileProgram", compile);
    library.find("nvrtcDestroyProgram", destroy);
    library.find("nvrtcGetCUBINSize", size);
    library.find("nvrtcGetCUBIN", image);
    library.find("nvrtcGetPTXSize", portable_size);
    library.find("nvrtcGetPTX", portable);
    library.find("nvrtcGetProgramLogSize", log_size);
    library.find("nvrtcGetProgramLog", log);
    library.find("nvrtcGetNumSupportedArchs", count);
    library.find("nvrtcGetSupportedArchs", architectures);
    if (!library.missing().empty()) return library.missing();
    version(&major, &minor);
    return "";
  }

  // An architecture that is known: itself, or the latest one before it, whose code the driver translates.
  int known(int architecture) const {
    int n = 0;
    if (count(&n) || n <= 0) return architecture;
    std::vector<int> all(n);
    if (architectures(all.data())) return architecture;
    int best = all.front();
    for (int one : all)
      if (one <= architecture) best = one;
    return best;
  }
};

struct Loaded {
  Module module = nullptr;
  std::map<std::string, Function, std::less<>> functions;
};

class Toolkit {
 public:
  std::string open(const char* driver, const char* compiler) {
    const std::lock_guard<std::mutex> lock(mutex_);
    loaded_.clear(), images_.clear();
    driver_ = Driver(), compiler_ = Compiler();
    has_driver_ = has_compiler_ = false;
    if (compiler) {
      if (std::string error = compiler_.open(compiler); !error.empty()) return error;
      has_compiler_ = true;
    }
    if (driver) {
      if (std::string error = driver_.open(driver); !error.empty()) return error;
      has_driver_ = true;
    }
    return "";
  }

  void source(const char* name, const char* text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    sources_[name] = text;
  }

  void keep_in(const char* folder) {
    const std::lock_guard<std::mutex> lock(mutex_);
    folder_ = folder;
  }

  // The size of what a program is compiled to.
  std::string compile(std::string_view program, int architecture, int64_t* size) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const std::string* image = nullptr;
    const std::string error = image_of(program, architecture, &image);
    if (error.empty()) *size = static_cast<int64_t>(image->size());
    return error;
  }

  // Loads a program before it is launched, on a device by its number.
  std::string prepare(std::string_view program, int ordinal) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!has_driver_) return "there is no driver";
    int device = 0;
    Context before = nullptr, context = nullptr;
    if (int code = driver_.device(&device, ordinal)) return driver_.error("cuDeviceGet", code);
    if (int code = driver_.retain(&context, device)) return driver_.error("cuDevicePrimaryCtxRetain", code);
    driver_.current(&before);
    if (int code = driver_.set(context)) return driver_.error("cuCtxSetCurrent", code);
    Loaded* loaded = nullptr;
    const std::string error = load(program, device, &loaded);
    driver_.set(before);
    return error;
  }

  // The older one of driver and compiler, 1000 times its major number and 10 times its minor one; 0 without them.
  int version() {
    const std::lock_guard<std::mutex> lock(mutex_);
    int found = 0;
    if (!has_driver_ || !has_compiler_ || driver_.version(&found)) return 0;
    return std::min(found, 1000 * compiler_.major + 10 * compiler_.minor);
  }

  // A kernel on the device that is served now: that of the thread, or else of the stream.
  std::string find(std::string_view program, std::string_view kernel, Stream stream, Function* function) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!has_driver_) return "the driver was not found";
    int device = 0;
    if (driver_.current_device(&device)) {
      Context context = nullptr;
      if (int code = driver_.of_stream(stream, &context)) return driver_.error("cuStreamGetCtx", code);
      if (int code = driver_.set(context)) return driver_.error("cuCtxSetCurrent", code);
      if (int code = driver_.current_device(&device)) return driver_.error("cuCtxGetDevice", code);
    }
    Loaded* loaded = nullptr;
    if (std::string error = load(program, device, &loaded); !error.empty()) return error;
    auto found = loaded->functions.find(kernel);
    if (found == loaded->functions.end()) {
      Function made = nullptr;
      if (int code = driver_.function(&made, loaded->module, std::string(kernel).c_str()))
        return driver_.error("cuModuleGetFunction", code);
      found = loaded->functions.emplace(std::string(kernel), made).first;
    }
    *function = found->second;
    return "";
  }

  const Driver& driver() const { return driver_; }

 private:
  std::string load(std::string_view program, int device, Loaded** found) {
    auto& programs = loaded_[device];
    auto at = programs.find(program);
    if (at == programs.end()) {
      int major = 0, minor = 0;
      if (int code = driver_.attribute(&major, kMajor, device)) return driver_.error("cuDeviceGetAttribute", code);
      if (int code = driver_.attribute(&minor, kMinor, device)) return driver_.error("cuDeviceGetAttribute", code);
      const std::string* image = nullptr;
      if (std::string error = image_of(program, 10 * major + minor, &image); !error.empty()) return error;
      Loaded made;
      if (int code = driver_.load(&made.module, image->data())) return driver_.error("cuModuleLoadData", code);
      at = programs.emplace(std::string(program), std::move(made)).first;
    }
    *found = &at->second;
    return "";
  }

  // What a program is compiled to: from memory, from disk, or by the compiler.
  std::string image_of(std::string_view program, int architecture, const std::string** image) {
    if (!has_compiler_) return "NVRTC was not found";
    std::string key = "brainsim " + std::to_string(compiler_.major) + "." + std::to_string(compiler_.minor) + " " +
                      std::to_string(architecture) + "\n";
    key += program;
    auto& kept = images_[key];
    if (kept.empty()) {
      for (const auto& [name, text] : sources_) key += "\n" + name + "\n" + text;
      const std::string place = place_of(key);
      if (!read(place, key, &kept)) {
        if (std::string error = translate(program, architecture, &kept); !error.empty()) return error;
        write(place, key, kept);
      }
    }
    *image = &kept;
    return "";
  }

  std::string translate(std::string_view program, int architecture, std::string* image) const {
    std::vector<const char*> names, texts;
    for (const auto& [name, text] : sources_) names.push_back(name.c_str()), texts.push_back(text.c_str());
    Compiler::Program made = nullptr;
    const std::string text(program);
    if (int code = compiler_.create(&made, text.c_str(), "brainsim.cu", static_cast<int>(names.size()), texts.data(), names.data()))
      return "nvrtcCreateProgram: error " + std::to_string(code);
    const int known = compiler_.known(architecture);
    const bool own = known == architecture;
    const std::string target = (own ? "--gpu-architecture=sm_" : "--gpu-architecture=compute_") + std::to_string(known);
    const char* const options[] = {target.c_str(), "--std=c++17", "--fmad=false"};
    const int code = compiler_.compile(made, 3, options);
    std::string error;
    if (code) {
      size_t size = 0;
      compiler_.log_size(made, &size);
      error.resize(size);
      if (size) compiler_.log(made, error.data());
      error = "NVRTC: error " + std::to_string(code) + " for " + target + "\n" + error;
    } else {
      size_t size = 0;
      if (own) compiler_.size(made, &size);
      else compiler_.portable_size(made, &size);
      image->resize(size);
      if (size == 0) error = "NVRTC made nothing";
      else if (own) compiler_.image(made, image->data());
      else compiler_.portable(made, image->data());
    }
    compiler_.destroy(&made);
    return error;
  }

  // A file by the content of the key; the key itself stands in it.
  std::string place_of(const std::string& key) const {
    if (folder_.empty()) return "";
    uint64_t low = 0xcbf29ce484222325u, high = 0x9E3779B97F4A7C15u;
    for (unsigned char c : key) low = (low ^ c) * 0x100000001b3u, high = (high + c) * 0xD6E8FEB86659FD93u ^ low >> 29;
    char name[40];
    std::snprintf(name, sizeof name, "%016llx%016llx", static_cast<unsigned long long>(low), static_cast<unsigned long long>(high));
    return folder_ + "/" + name + ".cubin";
  }

  static bool read(const std::string& place, const std::string& key, std::string* image) {
    std::FILE* const file = place.empty() ? nullptr : std::fopen(place.c_str(), "rb");
    if (!file) return false;
    std::string all;
    char part[1 << 16];
    for (size_t n; (n = std::fread(part, 1, sizeof part, file)) > 0;) all.append(part, n);
    std::fclose(file);
    const std::string end = "\nend";
    if (all.size() <= key.size() + end.size() || all.compare(0, key.size(), key) != 0) return false;
    if (all.compare(all.size() - end.size(), end.size(), end) != 0) return false;
    *image = all.substr(key.size(), all.size() - key.size() - end.size());
    return true;
  }

  // Beside it first, so that nobody reads half a file; where nothing can be written, nothing is kept.
  static void write(const std::string& place, const std::string& key, const std::string& image) {
#if !defined(_WIN32)
    if (place.empty()) return;
    const std::string beside = place + "." + std::to_string(getpid());
    std::FILE* const file = std::fopen(beside.c_str(), "wb");
    if (!file) return;
    bool whole = true;
    for (const std::string& part : {key, image, std::string("\nend")}) whole &= std::fwrite(part.data(), 1, part.size(), file) == part.size();
    whole &= std::fclose(file) == 0;
    if (!whole || std::rename(beside.c_str(), place.c_str()) != 0) std::remove(beside.c_str());
#endif
  }

  std::mutex mutex_;
  Driver driver_;
  Compiler compiler_;
  bool has_driver_ = false, has_compiler_ = false;
  std::string folder_;
  std::map<std::string, std::string> sources_;
  std::map<std::string, std::string> images_;
  std::map<int, std::map<std::string, Loaded, std::less<>>> loaded_;
};

Toolkit& toolkit() {
  static Toolkit* const one = new Toolkit;  // as long as the process: other threads may be in it at the end
  return *one;
}

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
  std::vector<std::string_view> names;
  for (size_t at = 0; at < kernels.size();) {
    const size_t end = std::min(kernels.find(' ', at), kernels.size());
    names.push_back(kernels.substr(at, end - at));
    at = end + 1;
  }
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
}  // namespace brainsim

// On the stream of a GPU, and for tests without one.
XLA_FFI_DEFINE_HANDLER_SYMBOL(brainsim_launch, brainsim::launch_all,
                              xla::ffi::Ffi::Bind()
                                  .Ctx<xla::ffi::PlatformStream<brainsim::Stream>>()
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
        std::string_view kernels) { return brainsim::launch_all(nullptr, arguments, results, numbers, program, kernels); },
    xla::ffi::Ffi::Bind()
        .RemainingArgs()
        .RemainingRets()
        .Attr<xla::ffi::Span<const int64_t>>("numbers")
        .Attr<std::string_view>("program")
        .Attr<std::string_view>("kernels"));

// What Python calls; texts that come back are errors, empty where there is none.
using Text = const char*;

BRAINSIM_HOST(Text, cuda_open)(const char* driver, const char* compiler) {
  return brainsim::said(brainsim::toolkit().open(driver, compiler));
}

BRAINSIM_HOST(void, cuda_source)(const char* name, const char* text) { brainsim::toolkit().source(name, text); }

BRAINSIM_HOST(void, cuda_keep_in)(const char* folder) { brainsim::toolkit().keep_in(folder); }

BRAINSIM_HOST(Text, cuda_compile)(const char* program, int architecture, int64_t* size) {
  return brainsim::said(brainsim::toolkit().compile(program, architecture, size));
}

BRAINSIM_HOST(int, cuda_version)() { return brainsim::toolkit().version(); }

BRAINSIM_HOST(Text, cuda_prepare)(const char* program, int ordinal) {
  return brainsim::said(brainsim::toolkit().prepare(program, ordinal));
}
