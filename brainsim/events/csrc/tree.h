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

template <class T>
struct OneForest {
  const T *s, *e, *r, *v;  // v is null where nothing moves
  T* x;
  int64_t r_rows, x_rows;
};

template <class T, bool kMoving>
BRAINSIM_INLINE void sweep_one(const Forest& f, const OneForest<T>& given, T* room) {
  T *const w = room, *const z = room + f.nodes;
  std::fill_n(room, 2 * f.nodes, T(0));
  for (int64_t k = f.nodes; k-- > 0;) {
    const int64_t i = f.node[k], p = f.up[k];
    const T wk = w[k] + (i < f.compartments ? given.e[i] : T(0));
    T zk = z[k] + (i < given.r_rows ? given.r[i] : T(0));
    if (p < 0) {
      w[k] = 0;
      z[k] = zk / wk;
      continue;
    }
    const T s = given.s[f.edge[k]];
    if constexpr (kMoving) {
      const T flow = s * (given.v[f.here[k]] - given.v[f.there[k]]);
      zk -= flow;
      z[p] += flow;
    }
    const T sum = wk + s, part = s / sum;
    w[p] += s * wk / sum;
    z[p] += part * zk;
    w[k] = part;
    z[k] = zk / sum;
  }
  for (int64_t k = 0; k < f.nodes; ++k) {
    const int64_t i = f.node[k], p = f.up[k];
    if (p >= 0) z[k] += w[k] * z[p];
    if (i < given.x_rows) given.x[i] = z[k];
  }
}

// Where the values of K cells are, of which each has its own, or all have one.
template <class T, int K>
struct Lanes {
  const T* base[K];
  int64_t stride;  // from one node to the next
  bool same, together;

  // The values at a node: where they stand, or gathered.
  BRAINSIM_INLINE const T* at(int64_t i, T* gathered) const {
    if (together) return base[0] + i * stride;
    if (same) std::fill_n(gathered, K, base[0][i * stride]);
    else
      for (int c = 0; c < K; ++c) gathered[c] = base[c][i * stride];
    return gathered;
  }
};

template <class T, int K>
struct ManyCells {
  Lanes<T, K> s, e, r, v;
  T* x[K];
  int64_t x_stride, r_rows, x_rows;
  int count;  // lanes that are wanted
  bool together;
};

#if defined(__GNUC__) && !defined(__clang__)
#define BRAINSIM_LANES _Pragma("GCC ivdep") for (int c = 0; c < K; ++c)
#else
#define BRAINSIM_LANES for (int c = 0; c < K; ++c)
#endif

template <class T, int K, bool kMoving>
BRAINSIM_INLINE void sweep_many(const Forest& f, const ManyCells<T, K>& given, T* room) {
  T *const w = room, *const z = room + f.nodes * K;
  T a[K], b[K], d[K], g[K];
  std::fill_n(room, 2 * f.nodes * K, T(0));
  for (int64_t k = f.nodes; k-- > 0;) {
    const int64_t i = f.node[k], p = f.up[k];
    T *const wk = w + k * K, *const zk = z + k * K;
    if (i < f.compartments) {
      const T* const e = given.e.at(i, a);
      BRAINSIM_LANES wk[c] += e[c];
    }
    if (i < given.r_rows) {
      const T* const r = given.r.at(i, b);
      BRAINSIM_LANES zk[c] += r[c];
    }
    if (p < 0) {
      BRAINSIM_LANES {
        zk[c] = zk[c] / wk[c];
        wk[c] = 0;
      }
      continue;
    }
    T *const wp = w + p * K, *const zp = z + p * K;
    const T* const s = given.s.at(f.edge[k], g);
    if constexpr (kMoving) {
      const T *const here = given.v.at(f.here[k], a), *const there = given.v.at(f.there[k], d);
      BRAINSIM_LANES {
        const T flow = s[c] * (here[c] - there[c]);
        zk[c] -= flow;
        zp[c] += flow;
      }
    }
    BRAINSIM_LANES {
      const T one = T(1) / (wk[c] + s[c]), part = s[c] * one;
      wp[c] += part * wk[c];
      zp[c] += part * zk[c];
      zk[c] *= one;
      wk[c] = part;
    }
  }
  for (int64_t k = 0; k < f.nodes; ++k) {
    const int64_t i = f.node[k], p = f.up[k];
    const T* const wk = w + k * K;
    T* const zk = z + k * K;
    if (p >= 0) {
      const T* const zp = z + p * K;
      BRAINSIM_LANES zk[c] += wk[c] * zp[c];
    }
    if (i >= given.x_rows) continue;
    if (given.together) std::copy_n(zk, K, given.x[0] + i * given.x_stride);
    else
      for (int c = 0; c < given.count; ++c) given.x[c][i * given.x_stride] = zk[c];
  }
}

#undef BRAINSIM_LANES

template <class T>
BRAINSIM_INLINE void sweep(const Forest& f, const OneForest<T>& given, T* room) {
  if (given.v) sweep_one<T, true>(f, given, room);
  else sweep_one<T, false>(f, given, room);
}

template <class T, int K>
BRAINSIM_INLINE void sweep(const Forest& f, const ManyCells<T, K>& given, T* room) {
  if (given.v.stride) sweep_many<T, K, true>(f, given, room);
  else sweep_many<T, K, false>(f, given, room);
}

#ifdef BRAINSIM_WIDER
template <class Given, class T>
__attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512"))) void sweep_64(const Forest& f, const Given& given, T* room) {
  sweep(f, given, room);
}

template <class Given, class T>
__attribute__((target("avx2"))) void sweep_32(const Forest& f, const Given& given, T* room) {
  sweep(f, given, room);
}
#endif

// `room` has space for two values of each node and cell.
template <class Given, class T>
void solve_tree(const Forest& f, const Given& given, T* room) {
#ifdef BRAINSIM_WIDER
  static const bool wide = __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (widest() == 64 && wide) return sweep_64(f, given, room);
  if (widest() >= 32) return sweep_32(f, given, room);
#endif
  sweep(f, given, room);
}

}  // namespace brainsim

#endif  // BRAINSIM_TREE_H_
