// A window that moves over a grid of pixels, along any number of axes: where it stands, and what it sees.
#ifndef BRAINSIM_WINDOW_H_
#define BRAINSIM_WINDOW_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "shared.h"

namespace brainsim {

inline int64_t floored(int64_t a, int64_t b) { return a / b - (a % b < 0); }  // a / b for b > 0

struct Axis {
  int64_t in, out, window, stride, dilation, pad;  // pixels, places, taps; and zeros before
};

using Sizes = std::vector<int64_t>;

inline int64_t product_of(const Sizes& sizes) {
  int64_t product = 1;
  for (int64_t n : sizes) product *= n;
  return product;
}

// Sums of a coefficient times the index along each axis, in row-major order.
inline Sizes grid(const Sizes& sizes, const Sizes& coefficients) {
  Sizes at{0};
  for (size_t a = 0; a < sizes.size(); ++a) {
    Sizes next;
    next.reserve(at.size() * sizes[a]);
    for (int64_t before : at)
      for (int64_t k = 0; k < sizes[a]; ++k) next.push_back(before + k * coefficients[a]);
    at.swap(next);
  }
  return at;
}

// How far the next along each axis is, in row-major order.
inline Sizes strides_of(const Sizes& sizes) {
  Sizes strides(sizes.size(), 1);
  for (size_t a = sizes.size() - 1; a-- > 0;) strides[a] = strides[a + 1] * sizes[a + 1];
  return strides;
}

// A grid within a larger one (or cut off by it): which of its pixels stand one behind the other in both.
struct Padding {
  struct Run {
    int64_t to, from, count;
  };
  Sizes strides;  // of the larger one
  int64_t size = 0;
  bool same = true;  // as the grid
  std::vector<Run> runs;

  Padding() = default;
  Padding(const Sizes& inner, const Sizes& outer, const Sizes& before)
      : strides(strides_of(outer)), size(product_of(outer)) {
    const size_t last = inner.size() - 1;
    Sizes begin, count, from;
    for (size_t a = 0; a <= last; ++a) {
      begin.push_back(std::max<int64_t>(0, -before[a]));
      count.push_back(std::max<int64_t>(0, std::min(inner[a], outer[a] - before[a]) - begin[a]));
      same &= before[a] == 0 && inner[a] == outer[a];
    }
    const Sizes own = strides_of(inner);
    int64_t first_to = 0, first_from = 0;
    for (size_t a = 0; a <= last; ++a) {
      first_to += (begin[a] + before[a]) * strides[a];
      first_from += begin[a] * own[a];
    }
    const int64_t length = count[last];
    if (length == 0) return;
    count[last] = 1;
    const Sizes to = grid(count, strides), of = grid(count, own);
    for (size_t k = 0; k < to.size(); ++k) runs.push_back({first_to + to[k], first_from + of[k], length});
  }

  // Rows of `n` numbers, one for each pixel, with zeros round them.
  template <class T>
  void copy(const T* from, int64_t n, T* to) const {
    int64_t done = 0;
    for (const Run& run : runs) {
      std::fill(to + done, to + run.to * n, T{0});
      std::copy(from + run.from * n, from + (run.from + run.count) * n, to + run.to * n);
      done = (run.to + run.count) * n;
    }
    std::fill(to + done, to + size * n, T{0});
  }
};

// Taps that are next to each other along the last axis, and see pixels that are.
struct Run {
  int64_t at, column, tap, length;  // the padded pixel of the first, from where the window stands; which tap it is
};

// Pixels that are seen by the same taps, as strides have it.
struct Alike {
  Sizes pixels, at;  // and the padded place that the tap 0 would see them from
  Sizes taps, before;  // and how many padded places before that one each tap sees them from
};

struct Window {
  std::vector<Axis> axes;
  int64_t channels, features, groups;  // of each group
  int64_t pixels, places, taps;
  Padding padded;    // pixels
  Sizes place;       // the padded pixel that the first tap sees from each place
  Sizes column;      // and which it is along the last axis
  std::vector<Run> runs;
  Padding padded_back;  // places
  std::vector<Alike> alike;

  Window(std::vector<Axis> given, int64_t channels, int64_t features, int64_t groups)
      : axes(std::move(given)), channels(channels), features(features), groups(groups) {
    Sizes in, out, window, outer, before;
    for (const Axis& a : axes) {
      in.push_back(a.in), out.push_back(a.out), window.push_back(a.window), before.push_back(a.pad);
      outer.push_back(std::max<int64_t>((a.out - 1) * a.stride + (a.window - 1) * a.dilation + 1, 0));
    }
    pixels = product_of(in), places = product_of(out), taps = product_of(window);
    if (pixels * places * taps == 0) return;
    padded = Padding(in, outer, before);
    Sizes stride, dilation, along(axes.size(), 0);
    for (size_t a = 0; a < axes.size(); ++a) {
      stride.push_back(axes[a].stride * padded.strides[a]);
      dilation.push_back(axes[a].dilation * padded.strides[a]);
    }
    along.back() = axes.back().stride;
    place = grid(out, stride);
    column = grid(out, along);
    const Sizes tap = grid(window, dilation);
    const int64_t length = axes.back().dilation == 1 ? window.back() : 1;
    for (int64_t t = 0; t < taps; t += length) runs.push_back({tap[t], t % window.back() * axes.back().dilation, t, length});
    look_back(in, out, window);
  }

 private:
  // A pixel i is seen by the tap k from the place (i + pad - dilation k) / stride, where that is whole.
  void look_back(const Sizes& in, const Sizes& out, const Sizes& window) {
    Sizes outer, before, strides;
    for (const Axis& a : axes) {
      const int64_t most = (a.window - 1) * a.dilation / a.stride, first = floored(a.pad, a.stride);
      before.push_back(most - first);
      outer.push_back(floored(a.in - 1 + a.pad, a.stride) - first + most + 1);
      strides.push_back(a.stride);
    }
    // The larger grid may end before the places do: those see no pixel
    padded_back = Padding(out, outer, before);
    const Sizes steps = padded_back.strides, own = strides_of(in), tap_steps = strides_of(window);
    const Sizes ones(axes.size(), 1);
    const int64_t phases = product_of(strides);
    for (int64_t phase = 0; phase < phases; ++phase) {
      Alike found{{0}, {0}, {0}, {0}};
      int64_t rest = phase;
      std::vector<int64_t> phase_of(axes.size());
      for (size_t a = axes.size(); a-- > 0; rest /= strides[a]) phase_of[a] = rest % strides[a];
      for (size_t a = 0; a < axes.size(); ++a) {
        const Axis& axis = axes[a];
        Alike next;
        for (size_t n = 0; n < found.pixels.size(); ++n)
          for (int64_t i = 0; i < axis.in; ++i) {
            const int64_t q = floored(i + axis.pad, axis.stride);
            if (i + axis.pad - q * axis.stride != phase_of[a]) continue;
            next.pixels.push_back(found.pixels[n] + i * own[a]);
            next.at.push_back(found.at[n] + (q + before[a]) * steps[a]);
          }
        for (size_t n = 0; n < found.taps.size(); ++n)
          for (int64_t k = 0; k < axis.window; ++k) {
            if (k * axis.dilation % axis.stride != phase_of[a]) continue;
            next.taps.push_back(found.taps[n] + k * tap_steps[a]);
            next.before.push_back(found.before[n] + k * axis.dilation / axis.stride * steps[a]);
          }
        found = std::move(next);
      }
      if (!found.pixels.empty() && !found.taps.empty()) alike.push_back(std::move(found));
    }
  }
};

}  // namespace brainsim

#endif  // BRAINSIM_WINDOW_H_
