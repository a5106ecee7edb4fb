// What sources a library was built from: it is compared with theirs when the library is loaded.
#if defined(_WIN32)
#define BRAINSIM_EXPORT extern "C" __declspec(dllexport)
#else
#define BRAINSIM_EXPORT extern "C" __attribute__((visibility("default")))
#endif

BRAINSIM_EXPORT const char* brainsim_sources() { return BRAINSIM_SOURCES; }
