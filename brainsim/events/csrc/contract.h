// The three faces of T(s, W, v) = sum over synapses of s[pre] W[synapse] v[post]: its derivative with respect to
// each argument, added to what is there. Work goes with the number of nonzero s, except towards s itself.
#ifndef BRAINSIM_CONTRACT_H_
#define BRAINSIM_CONTRACT_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__SSE2__) && defined(__GNUC__)
#define BRAINSIM_SSE2
#include <emmintrin.h>
#endif

#include "registers.h"

namespace brainsim {

struct AtTarget;
struct Dense;

// Whether kCount values from s on are all zero.
template <int kCount, class S>
BRAINSIM_INLINE bool silent(const S* s) {
  using Bits = std::conditional_t<sizeof(S) == 4, uint32_t, uint64_t>;  // eight bool at a time
  constexpr int kWords = kCount * sizeof(S) / sizeof(Bits);
  constexpr int kLanes = kWords < 4 ? kWords : 4;
  Bits words[kWords], any[kLanes] = {}, all = 0;
  std::memcpy(words, s, sizeof words);
  for (int q = 0; q < kWords; q += kLanes)
    for (int lane = 0; lane < kLanes; ++lane) any[lane] |= words[q + lane];
  for (Bits lane : any) all |= lane;
  return (std::is_same_v<S, bool> ? all : static_cast<Bits>(all << 1)) == 0;  // the sign goes: -0 is silent
}

// Calls f(i, s[i]) for the nonzero s, skipping 32 or eight silent neurons at a time.
template <class S, class F>
inline void for_each_spike(const S* s, int64_t n, F&& f) {
  int64_t i = 0;
  const auto each = [&](int64_t end) {
    for (; i < end; ++i)
      if (s[i]) f(i, s[i]);
  };
#ifdef BRAINSIM_SSE2
  if constexpr (std::is_same_v<S, bool>) {
    const __m128i none = _mm_setzero_si128();
    const auto sixteen = [s](int64_t k) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(s + k)); };
    const auto fired = [&](int64_t k) -> uint64_t { return 0xFFFF ^ _mm_movemask_epi8(_mm_cmpeq_epi8(sixteen(k), none)); };
    // First which 64 have any, without a branch on what nobody can foresee
    constexpr int64_t kBlocks = 64;
    int64_t having[kBlocks];
    while (i + 64 <= n) {
      int count = 0;
      for (const int64_t end = std::min(n - 64, i + 64 * (kBlocks - 1)); i <= end; i += 64) {
        const __m128i any = _mm_or_si128(_mm_or_si128(sixteen(i), sixteen(i + 16)), _mm_or_si128(sixteen(i + 32), sixteen(i + 48)));
        having[count] = i;
        count += _mm_movemask_epi8(_mm_cmpeq_epi8(any, none)) != 0xFFFF;
      }
      for (int k = 0; k < count; ++k) {
        const int64_t at = having[k];
        uint64_t bits = fired(at) | fired(at + 16) << 16 | fired(at + 32) << 32 | fired(at + 48) << 48;
        for (; bits; bits &= bits - 1) f(at + __builtin_ctzll(bits), true);
      }
    }
  }
#endif
  while (i + 32 <= n) {
    if (silent<32>(s + i)) {
      i += 32;
      continue;
    }
    for (const int64_t end = i + 32; i < end;) {
      if (silent<8>(s + i)) i += 8;
      else each(i + 8);
    }
  }
  each(n);
}

constexpr int kBlock = 256;  // neurons that are dealt with together, at most

// Calls f(ids, count) with the nonzero neurons, a block at a time, which f may write to.
template <class S, class F>
void for_each_block(const S* s, int64_t n, F&& f) {
  int32_t ids[kBlock];
  int count = 0;
  for_each_spike(s, n, [&](int64_t i, S) {
    ids[count++] = static_cast<int32_t>(i);
    if (count == kBlock) {
      f(ids, count);
      count = 0;
    }
  });
  if (count) f(ids, count);
}

// How many rows ahead are asked for: where they begin, and their first targets.
constexpr int kRowsAhead = 16, kTargetsAhead = 8;

template <class Conn>
void ask_first(const Conn& conn, const int32_t* ids, int count) {
  for (int k = 0; k < count && k < kRowsAhead; ++k) conn.ask_row(ids[k]);
}

// out[post] += s[pre] W over the rows of a block, with the next rows on their way from memory while one is dealt with. Weights may
// be of fewer bits than what is added to.
template <bool kScalar, class Conn, class Address, class S, class W, class T>
void add_rows(const Conn& conn, const Address& at, const int32_t* ids, int count, const S* s, const W* w, T* __restrict out) {
  if constexpr (std::is_same_v<Conn, Dense> && std::is_same_v<Address, AtTarget> && !kScalar) {  // of a matrix
    T value[kBlock];
    if constexpr (!std::is_same_v<S, bool>)
      for (int k = 0; k < count; ++k) value[k] = s[ids[k]];
    return sum_rows(ids, std::is_same_v<S, bool> ? nullptr : value, count, w, conn.n_post, conn.n_post, out);
  }
  for (int k = 0; k < count && k < kTargetsAhead; ++k) conn.ask_targets(ids[k]);
  for (int k = 0; k < count; ++k) {
    if (k + kRowsAhead < count) conn.ask_row(ids[k + kRowsAhead]);
    if (k + kTargetsAhead < count) conn.ask_targets(ids[k + kTargetsAhead]);
    const int64_t i = ids[k];
    const T scale = static_cast<T>(s[i]) * (kScalar ? static_cast<T>(*w) : T{1});
    const int64_t end = conn.end(i);
    for (int64_t q = conn.begin(i); q < end; ++q) {
      T& target = out[at(conn.target(i, q), q)];
      if constexpr (kScalar) target += scale;
      else if constexpr (std::is_same_v<S, bool>) target += w[q];
      else target += scale * w[q];
    }
  }
}

// out[post] += s[pre] W
template <bool kScalar, class Conn, class Address, class S, class W, class T>
void towards_post(const Conn& conn, const Address& at, const S* s, const W* w, T* __restrict out) {
  for_each_block(s, conn.n_pre, [&](const int32_t* ids, int count) {
    ask_first(conn, ids, count);
    add_rows<kScalar>(conn, at, ids, count, s, w, out);
  });
}

// out[pre] += W v[post]
template <bool kScalar, class Conn, class Address, class T>
void towards_pre(const Conn& conn, const Address& at, const T* w, const T* v, T* __restrict out) {
  for (int64_t i = 0; i < conn.n_pre; ++i) {
    T sum{0};
    const int64_t end = conn.end(i);
    for (int64_t k = conn.begin(i); k < end; ++k) sum += (kScalar ? T{1} : w[k]) * v[at(conn.target(i, k), k)];
    out[i] += kScalar ? *w * sum : sum;
  }
}

// out[synapse] += s[pre] v[post]
template <bool kScalar, class Conn, class Address, class S, class T>
void towards_weight(const Conn& conn, const Address& at, const S* s, const T* v, T* __restrict out) {
  double total = 0;
  for_each_spike(s, conn.n_pre, [&](int64_t i, S value) {
    const T scale = static_cast<T>(value);
    const int64_t end = conn.end(i);
    T sum{0};
    for (int64_t k = conn.begin(i); k < end; ++k) {
      const T term = v[at(conn.target(i, k), k)];
      if constexpr (kScalar) sum += term;
      else out[k] += scale * term;
    }
    if constexpr (kScalar) total += static_cast<double>(scale) * sum;
  });
  if constexpr (kScalar) *out += static_cast<T>(total);
}

}  // namespace brainsim

#endif  // BRAINSIM_CONTRACT_H_
