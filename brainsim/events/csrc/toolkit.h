// The driver of NVIDIA GPUs and NVRTC, the compiler of kernels, found when they are first needed: nothing of CUDA is needed to build
// this. A program is a short text that includes sources which Python has handed over. It is compiled once for an architecture and
// kept on disk, and loaded once for each device.
#ifndef BRAINSIM_TOOLKIT_H_
#define BRAINSIM_TOOLKIT_H_

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

namespace brainsim::cuda {

// Types of the driver, which are pointers and numbers to us.
using Stream = struct CUstream_st*;
using Function = struct CUfunc_st*;
using Module = struct CUmod_st*;
using Context = struct CUctx_st*;
using DevicePointer = unsigned long long;

constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR
constexpr int kRegisters = 4;            // CU_FUNC_ATTRIBUTE_NUM_REGS
constexpr int kRelaxed = 2;              // CU_STREAM_CAPTURE_MODE_RELAXED

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
  int (*function_attribute)(int*, int, Function) = nullptr;
  int (*exchange)(int*) = nullptr;
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
    library.find("cuFuncGetAttribute", function_attribute);
    library.find("cuThreadExchangeStreamCaptureMode", exchange);
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

// While it lives, a thread whose stream is captured, as for a command buffer of XLA, may do what is no part of the capture.
class Aside {
 public:
  explicit Aside(const Driver& driver) : driver_(driver) { driver_.exchange(&mode_); }
  ~Aside() { driver_.exchange(&mode_); }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  const Driver& driver_;
  int mode_ = kRelaxed;
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

  // Who opens the libraries where a program is run that nothing was prepared for, as one that was exported elsewhere.
  void when_needed(void (*open)()) {
    const std::lock_guard<std::mutex> lock(mutex_);
    when_needed_ = open;
  }

  // Loads a program with some kernels before they are launched, on a device by its number.
  std::string prepare(std::string_view program, const std::vector<std::string_view>& kernels, int ordinal) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!has_driver_) return "there is no driver";
    int device = 0;
    Context before = nullptr, context = nullptr;
    if (int code = driver_.device(&device, ordinal)) return driver_.error("cuDeviceGet", code);
    if (int code = driver_.retain(&context, device)) return driver_.error("cuDevicePrimaryCtxRetain", code);
    driver_.current(&before);
    if (int code = driver_.set(context)) return driver_.error("cuCtxSetCurrent", code);
    std::string error;
    Function made = nullptr;
    for (const std::string_view kernel : kernels)
      if (error.empty()) error = function_of(program, kernel, device, &made);
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

  // A kernel on the device that is served now: that of the thread, or else, and where there are several, that of the stream.
  std::string find(std::string_view program, std::string_view kernel, Stream stream, Function* function) {
    if (void (*const open)() = opens_now()) open();
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!has_driver_) return "the driver was not found";
    int device = 0;
    if (driver_.current_device(&device) || loaded_.size() > 1) {
      Context context = nullptr;
      if (int code = driver_.of_stream(stream, &context)) return driver_.error("cuStreamGetCtx", code);
      if (int code = driver_.set(context)) return driver_.error("cuCtxSetCurrent", code);
      if (int code = driver_.current_device(&device)) return driver_.error("cuCtxGetDevice", code);
    }
    return function_of(program, kernel, device, function);
  }

  const Driver& driver() const { return driver_; }

 private:
  // What opens the libraries, the first time that they are needed and not open; this calls back into Python.
  void (*opens_now())() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return has_driver_ ? nullptr : std::exchange(when_needed_, nullptr);
  }

  std::string function_of(std::string_view program, std::string_view kernel, int device, Function* function) {
    Loaded* loaded = nullptr;
    if (std::string error = load(program, device, &loaded); !error.empty()) return error;
    auto found = loaded->functions.find(kernel);
    if (found == loaded->functions.end()) {
      const Aside aside(driver_);
      Function made = nullptr;
      int registers = 0;
      if (int code = driver_.function(&made, loaded->module, std::string(kernel).c_str()))
        return driver_.error("cuModuleGetFunction", code);
      if (int code = driver_.function_attribute(&registers, kRegisters, made))  // which sees to it that it is loaded now
        return driver_.error("cuFuncGetAttribute", code);
      found = loaded->functions.emplace(std::string(kernel), made).first;
    }
    *function = found->second;
    return "";
  }

  std::string load(std::string_view program, int device, Loaded** found) {
    auto& programs = loaded_[device];
    auto at = programs.find(program);
    if (at == programs.end()) {
      int major = 0, minor = 0;
      if (int code = driver_.attribute(&major, kMajor, device)) return driver_.error("cuDeviceGetAttribute", code);
      if (int code = driver_.attribute(&minor, kMinor, device)) return driver_.error("cuDeviceGetAttribute", code);
      const std::string* image = nullptr;
      if (std::string error = image_of(program, 10 * major + minor, &image); !error.empty()) return error;
      const Aside aside(driver_);
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
  void (*when_needed_)() = nullptr;
  Driver driver_;
  Compiler compiler_;
  bool has_driver_ = false, has_compiler_ = false;
  std::string folder_;
  std::map<std::string, std::string> sources_;
  std::map<std::string, std::string> images_;
  std::map<int, std::map<std::string, Loaded, std::less<>>> loaded_;
};

inline Toolkit& toolkit() {
  static Toolkit* const one = new Toolkit;  // as long as the process: other threads may be in it at the end
  return *one;
}

}  // namespace brainsim::cuda

#endif  // BRAINSIM_TOOLKIT_H_
