// A driver and a compiler as those of CUDA, for tests on a machine without a GPU: kernels are compiled as C++ and run one thread
// after the other. `device_turned(1)` runs the threads the other way round.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using Launched = void (*)(void**, unsigned, unsigned, int);

std::mutex mutex;
int turned = 0;
thread_local void* current = nullptr;  // context
long launches = 0;
thread_local int mode = 0;  // of capture: global
bool capturing = false;     // whether a stream is, so that nothing can be loaded but with a relaxed mode

struct Program {
  std::string text, image, log;
  std::vector<std::pair<std::string, std::string>> headers;
};

std::string folder() {
  char name[] = "/tmp/brainsim-device-XXXXXX";
  return mkdtemp(name);
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int* version) { return *version = 12010, 0; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, ordinal ? 101 : 0; }
int cuDeviceGetAttribute(int* value, int attribute, int) { return *value = attribute == 75 ? 9 : 0, 0; }
int cuDevicePrimaryCtxRetain(void** context, int) { return *context = &turned, 0; }
int cuCtxSetCurrent(void* context) { return current = context, 0; }
int cuCtxGetCurrent(void** context) { return *context = current, 0; }
int cuCtxGetDevice(int* device) { return *device = 0, current ? 0 : 201; }
int cuStreamGetCtx(void*, void** context) { return *context = &turned, 0; }
int cuGetErrorString(int code, const char** text) { return *text = code == 218 ? "invalid image" : "not here", 0; }
int cuThreadExchangeStreamCaptureMode(int* other) { return std::swap(mode, *other), 0; }
int cuFuncGetAttribute(int* value, int attribute, void* function) {
  return *value = 32, attribute == 4 && function ? 0 : 1;
}
int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t size, void*) {
  std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), size);
  return 0;
}

// An image is its length and then a library.
int cuModuleLoadData(void** module, const void* image) {
  if (!current) return 201;
  if (capturing && mode != 2) return 900;
  uint64_t size;
  std::memcpy(&size, image, sizeof size);
  const std::string path = folder() + "/kernels.so";
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(image) + sizeof size, static_cast<std::streamsize>(size));
  *module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!*module) std::fprintf(stderr, "%s\n", dlerror());
  return *module ? 0 : 218;
}

int cuModuleGetFunction(void** function, void* module, const char* name) {
  if (capturing && mode != 2) return 900;
  *function = dlsym(module, (std::string(name) + "_launched").c_str());
  return *function ? 0 : 500;
}

int cuLaunchKernel(void* function, unsigned blocks, unsigned y, unsigned z, unsigned threads, unsigned, unsigned, unsigned, void*,
                   void** parameters, void**) {
  if (y != 1 || z != 1 || threads > 1024 || blocks == 0) return 1;
  if (!current) return 201;
  const std::lock_guard<std::mutex> lock(mutex);
  ++launches;
  reinterpret_cast<Launched>(function)(parameters, blocks, threads, turned);
  return 0;
}

void device_turned(int on) { turned = on; }
void device_capturing(int on) { capturing = on; }
long device_launches() { return launches; }

int nvrtcVersion(int* major, int* minor) { return *major = 12, *minor = 1, 0; }
int nvrtcGetNumSupportedArchs(int* count) { return *count = 2, 0; }
int nvrtcGetSupportedArchs(int* all) { return all[0] = 80, all[1] = 90, 0; }

int nvrtcCreateProgram(void** program, const char* text, const char*, int count, const char* const* texts, const char* const* names) {
  auto* const made = new Program{text, "", "", {}};
  for (int k = 0; k < count; ++k) made->headers.emplace_back(names[k], texts[k]);
  *program = made;
  return 0;
}

int nvrtcDestroyProgram(void** program) {
  delete static_cast<Program*>(*program);
  return *program = nullptr, 0;
}

int nvrtcCompileProgram(void* given, int, const char* const*) {
  Program& program = *static_cast<Program*>(given);
  const std::string place = folder();
  for (const auto& [name, text] : program.headers) std::ofstream(place + "/" + name) << text;
  std::ofstream(place + "/program.cc") << program.text << "\nPlace gridDim, blockDim, blockIdx, threadIdx;\n";
  const char* const compiler = std::getenv("CXX");
  const std::string command = std::string(compiler ? compiler : "c++") +
                              " -O1 -std=c++17 -fPIC -shared -Wall -Wextra -Werror -ffp-contract=off -I" + place + " " + place +
                              "/program.cc -o " + place + "/program.so 2>" + place + "/log";
  const int code = std::system(command.c_str());
  program.log = content(place + "/log");
  if (code == 0) {
    const std::string library = content(place + "/program.so");
    const uint64_t size = library.size();
    program.image.assign(reinterpret_cast<const char*>(&size), sizeof size);
    program.image += library;
  }
  std::system(("rm -r " + place).c_str());
  return code ? 6 : 0;
}

int nvrtcGetCUBINSize(void* program, size_t* size) { return *size = static_cast<Program*>(program)->image.size(), 0; }
int nvrtcGetCUBIN(void* given, char* to) {
  const std::string& image = static_cast<Program*>(given)->image;
  return std::memcpy(to, image.data(), image.size()), 0;
}
int nvrtcGetPTXSize(void*, size_t*) { return 1; }
int nvrtcGetPTX(void*, char*) { return 1; }
int nvrtcGetProgramLogSize(void* program, size_t* size) { return *size = static_cast<Program*>(program)->log.size(), 0; }
int nvrtcGetProgramLog(void* given, char* to) {
  const std::string& log = static_cast<Program*>(given)->log;
  return std::memcpy(to, log.data(), log.size()), 0;
}

}  // extern "C"
