// Increments of the potentials of a forest of compartments: x = A^-1 (r - L v), A = diag(e) + L, where L is the axial
// Laplacian. One sweep from the leaves to the roots eliminates, one back substitutes (M. Hines, Int. J. Biomed. Comput.
// 15:69, 1984). The diagonal e + (sum of the couplings) is never formed and nothing large is subtracted: a node of
// conductance w to ground behind a coupling s is a conductance s w / (w + s) to ground of its parent. So float32 is as
// exact as its digits.
#ifndef BRAINSIM_TREE_H_
#define BRAINSIM_TREE_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "registers.h"
#include "shared.h"

namespace brainsim {

// Nodes in an order in which parents come first. Position k holds a node, the position of its parent (-1: a root), the
// node whose coupling is that of the two, and the compartments whose v stand in at both ends.
struct Forest {
  int64_t nodes, compartments;
  const int32_t *node, *up, *edge, *here, *there;
};

#if defined(__GNUC__) && !defined(__clang__)
#define BRAINSIM_LANES _Pragma("GCC ivdep") for (int c = 0; c < K; ++c)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=fast")  // the way from node to node is as long as its operations
#else
#define BRAINSIM_LANES for (int c = 0; c < K; ++c)
#endif

template <class T>
struct OneForest {
  const T *s, *e, *r, *v;  // v is null where nothing moves
  T* x;
  int64_t r_rows, x_rows;
};

template <class T, bool kMoving>
BRAINSIM_INLINE void sweep_one(const Forest& f, const OneForest<T>& given, T* room) {
  const int32_t *__restrict const node = f.node, *__restrict const up = f.up, *__restrict const edge = f.edge;
  const T *__restrict const s = given.s, *__restrict const e = given.e, *__restrict const r = given.r, *__restrict const v = given.v;
  T *__restrict const w = room, *__restrict const z = room + f.nodes, *__restrict const x = given.x;  // by position
  const int64_t n = f.nodes, compartments = f.compartments, r_rows = given.r_rows, x_rows = given.x_rows;
  for (int64_t k = 0; k < n; ++k) {
    const int64_t i = node[k];
    w[k] = i < compartments ? e[i] : T(0);
    z[k] = i < r_rows ? r[i] : T(0);
  }
  for (int64_t k = n; k-- > 0;) {
    const int64_t p = up[k];
    const T wk = w[k];
    if (p < 0) {
      w[k] = 0;
      z[k] = z[k] / wk;
      continue;
    }
    const T sk = s[edge[k]], flow = kMoving ? sk * (v[f.here[k]] - v[f.there[k]]) : T(0);
    const T one = T(1) / (wk + sk), part = sk * one, zk = z[k] - flow;
    w[p] += sk * wk * one;
    z[p] += flow + part * zk;
    w[k] = part;
    z[k] = zk * one;
  }
  for (int64_t k = 0; k < n; ++k) {
    const int64_t i = node[k], p = up[k];
    const T xk = p < 0 ? z[k] : z[k] + w[k] * z[p];
    z[k] = xk;
    if (i < x_rows) x[i] = xk;
  }
}

// Where the values of K cells are. Together: in a row, at each node.
template <class T, int K>
struct Lanes {
  T* base[K];  // of the first lane only, where they are together or the same
  int64_t stride;  // from one node to the next
  bool same, together;

  // The values at the first nodes, in rows of K.
  BRAINSIM_INLINE void load(int64_t rows, T* __restrict to) const {
    if (together)
      for (int64_t i = 0; i < rows; ++i)
        BRAINSIM_LANES to[i * K + c] = base[0][i * stride + c];
    else
      for (int c = 0; c < K; ++c)
        for (int64_t i = 0; i < rows; ++i) to[i * K + c] = base[c][i * stride];
  }

  BRAINSIM_INLINE void put(int64_t i, const T* __restrict from) const {
    BRAINSIM_LANES base[0][i * stride + c] = from[c];
  }

  BRAINSIM_INLINE void scatter(int64_t rows, int count, const T* __restrict from) const {
    for (int c = 0; c < count; ++c)
      for (int64_t i = 0; i < rows; ++i) base[c][i * stride] = from[i * K + c];
  }
};

template <class T, int K>
struct ManyCells {
  Lanes<T, K> s, e, r, v, x;
  int64_t r_rows, x_rows;
  int count;  // lanes that are wanted
  bool moving;
};

template <class T, int K, bool kMoving, bool kOwn>
BRAINSIM_INLINE void sweep_many(const Forest& f, const ManyCells<T, K>& given, T* room) {
  const int64_t n = f.nodes;
  T *__restrict const w = room, *__restrict const z = room + n * K;  // by node
  T *const own = room + 2 * n * K, *const moved = room + 3 * n * K;
  given.e.load(f.compartments, w);
  given.r.load(given.r_rows, z);
  std::fill(w + f.compartments * K, w + n * K, T(0));
  std::fill(z + given.r_rows * K, z + n * K, T(0));
  if constexpr (kOwn) given.s.load(n, own);
  const T* const v = given.v.together ? given.v.base[0] : moved;
  const int64_t v_stride = given.v.together ? given.v.stride : K;
  if (kMoving && !given.v.together) given.v.load(f.compartments, moved);
  for (int64_t k = n; k-- > 0;) {
    const int64_t i = f.node[k];
    T *const wi = w + i * K, *const zi = z + i * K;
    if (f.up[k] < 0) {
      BRAINSIM_LANES {
        zi[c] /= wi[c];
        wi[c] = 0;
      }
      continue;
    }
    const int64_t p = f.node[f.up[k]];
    T *const wp = w + p * K, *const zp = z + p * K;
    const T *const s = kOwn ? own + f.edge[k] * K : given.s.base[0] + f.edge[k];
    const T *const here = v + f.here[k] * v_stride, *const there = v + f.there[k] * v_stride;
    BRAINSIM_LANES {
      const T sk = s[kOwn ? c : 0], flow = kMoving ? sk * (here[c] - there[c]) : T(0);
      const T one = T(1) / (wi[c] + sk), part = sk * one, zk = zi[c] - flow;
      wp[c] += part * wi[c];
      zp[c] += flow + part * zk;
      wi[c] = part;
      zi[c] = zk * one;
    }
  }
  for (int64_t k = 0; k < n; ++k) {
    const int64_t i = f.node[k], p = f.up[k] < 0 ? i : f.node[f.up[k]];  // above a root there is nothing: its w is 0
    const T *const wi = w + i * K, *const zp = z + p * K;
    T* const zi = z + i * K;
    BRAINSIM_LANES zi[c] += wi[c] * zp[c];
    if (given.x.together && i < given.x_rows) given.x.put(i, zi);
  }
  if (!given.x.together) given.x.scatter(given.x_rows, given.count, z);
}

template <class T>
BRAINSIM_INLINE void sweep(const Forest& f, const OneForest<T>& given, T* room) {
  if (given.v) sweep_one<T, true>(f, given, room);
  else sweep_one<T, false>(f, given, room);
}

template <class T, int K>
BRAINSIM_INLINE void sweep(const Forest& f, const ManyCells<T, K>& given, T* room) {
  if (given.s.same && given.moving) sweep_many<T, K, true, false>(f, given, room);
  else if (given.s.same) sweep_many<T, K, false, false>(f, given, room);
  else if (given.moving) sweep_many<T, K, true, true>(f, given, room);
  else sweep_many<T, K, false, true>(f, given, room);
}

#ifdef BRAINSIM_WIDER
template <class Given, class T>
__attribute__((target("avx512f,avx512dq,avx512vl,fma,prefer-vector-width=512"))) void sweep_64(const Forest& f, const Given& given, T* room) {
  sweep(f, given, room);
}

template <class Given, class T>
__attribute__((target("avx2,fma"))) void sweep_32(const Forest& f, const Given& given, T* room) {
  sweep(f, given, room);
}
#endif

// `room` has space for four values of each node and lane.
template <class Given, class T>
void solve_tree(const Forest& f, const Given& given, T* room) {
#ifdef BRAINSIM_WIDER
  static const bool wide = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (widest() == 64 && wide) return sweep_64(f, given, room);
  static const bool fused = __builtin_cpu_supports("fma");
  if (widest() >= 32 && fused) return sweep_32(f, given, room);
#endif
  sweep(f, given, room);
}

#undef BRAINSIM_LANES
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

}  // namespace brainsim

#endif  // BRAINSIM_TREE_H_
