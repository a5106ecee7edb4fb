// Asking for memory before it is read: rows of large networks lie in main memory, and spikes jump from one to another.
#ifndef BRAINSIM_ASK_H_
#define BRAINSIM_ASK_H_

#include <cstdint>

namespace brainsim {

constexpr int64_t kLine = 64;  // bytes that come from memory together

// Asks for the line of an address. GCC takes a function that does nothing but ask for one without effects, and drops its calls:
// the empty statement is an effect.
inline void ask_line(const void* at) {
#if defined(__GNUC__) || defined(__clang__)
  __builtin_prefetch(at);
  asm volatile("");
#endif
}

// Asks for the lines of some elements, or for the first of many: a processor sees what is read one after the other.
template <class X>
inline void ask(const X* from, int64_t count) {
  constexpr int64_t kMost = 1024;
  if (count <= 0) return;
  const char* const begin = reinterpret_cast<const char*>(from);
  const char* const end = reinterpret_cast<const char*>(from + count);
  const char* const until = end - begin < kMost ? end : begin + kMost;
  for (const char* line = begin; line < until; line += kLine) ask_line(line);
  ask_line(until - 1);
}

}  // namespace brainsim

#endif  // BRAINSIM_ASK_H_
