// Functions that Python calls through ctypes, outside of any program: they are not known to XLA.
#ifndef BRAINSIM_HOST_H_
#define BRAINSIM_HOST_H_

#if defined(_WIN32)
#define BRAINSIM_HOST(type, name) extern "C" __declspec(dllexport) type brainsim_##name
#else
#define BRAINSIM_HOST(type, name) extern "C" __attribute__((visibility("default"))) type brainsim_##name
#endif

#endif  // BRAINSIM_HOST_H_
