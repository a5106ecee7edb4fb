// The three faces of T(s, W, v) = sum over synapses of s[pre] W[synapse] v[post]: its derivative with respect to
// each argument, added to what is there. Work goes with the number of nonzero s, except towards s itself.
#ifndef BRAINSIM_CONTRACT_H_
#define BRAINSIM_CONTRACT_H_

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace brainsim {

// Whether kCount values from s on are all zero.
template <int kCount, class S>
inline bool silent(const S* s) {
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

// As for_each_spike, with the rows of the next spikes on their way from memory while one is dealt with.
template <class Conn, class S, class F>
void for_each_spiking_row(const Conn& conn, const S* s, F&& f) {
  constexpr int kBlock = 256, kRow = 8, kTargets = 4;
  int64_t ids[kBlock];
  int count = 0;
  const auto flush = [&] {
    for (int k = 0; k < count && k < kRow; ++k) conn.prefetch_row(ids[k]);
    for (int k = 0; k < count && k < kTargets; ++k) conn.prefetch_targets(ids[k]);
    for (int k = 0; k < count; ++k) {
      if (k + kRow < count) conn.prefetch_row(ids[k + kRow]);
      if (k + kTargets < count) conn.prefetch_targets(ids[k + kTargets]);
      f(ids[k], s[ids[k]]);
    }
    count = 0;
  };
  for_each_spike(s, conn.n_pre, [&](int64_t i, S) {
    ids[count++] = i;
    if (count == kBlock) flush();
  });
  flush();
}

// out[post] += s[pre] W
template <bool kScalar, class Conn, class Address, class S, class T>
void towards_post(const Conn& conn, const Address& at, const S* s, const T* w, T* __restrict out) {
  for_each_spiking_row(conn, s, [&](int64_t i, S value) {
    const T scale = static_cast<T>(value) * (kScalar ? *w : T{1});
    const int64_t end = conn.end(i);
    for (int64_t k = conn.begin(i); k < end; ++k) {
      T& target = out[at(conn.target(i, k), k)];
      if constexpr (kScalar) target += scale;
      else if constexpr (std::is_same_v<S, bool>) target += w[k];
      else target += scale * w[k];
    }
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
