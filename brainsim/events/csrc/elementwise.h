// Operations of a step of a recurrence on an array of elements, and the way of arrays into registers and back (recurrence.h).
#ifndef BRAINSIM_ELEMENTWISE_H_
#define BRAINSIM_ELEMENTWISE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "registers.h"
#include "shared.h"

namespace brainsim {

#if defined(__GNUC__) || defined(__clang__)
#define BRAINSIM_INLINED __attribute__((always_inline))  // of a lambda, which then has the registers of its function
#else
#define BRAINSIM_INLINED
#endif

enum class Kind { kReal, kCount, kBool };

// e^x, to 2 units in the last place; the argument is reduced by multiples of log 2 (Cephes).
BRAINSIM_INLINE float exponential(float x) {
  const float bounded = x > 88.8f ? 88.8f : x < -104.0f ? -104.0f : x;
  const float n = (bounded * 1.44269504088896341f + 12582912.0f) - 12582912.0f;
  const float r = (bounded - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const int32_t whole = static_cast<int32_t>(n), half = whole >> 1;  // in two steps, as e^88.8 and e^-104 have no single one
  const int32_t one = (half + 127) << 23, other = (whole - half + 127) << 23;
  float a, b;
  std::memcpy(&a, &one, 4);
  std::memcpy(&b, &other, 4);
  const float y = p * a * b;
  return x != x ? x : y;
}

BRAINSIM_INLINE double exponential(double x) { return std::exp(x); }

// One operation on w elements, or on kAll where that is not 0.
template <class T, class I, int64_t kAll>
BRAINSIM_INLINE void operate(int64_t code, char* to, const char* const* of, int64_t width) {
  using shared::Step;
  T* const y = reinterpret_cast<T*>(to);
  I* const n = reinterpret_cast<I*>(to);
  const T* const a = reinterpret_cast<const T*>(of[0]);
  const T* const b = reinterpret_cast<const T*>(of[1]);
  const I* const i = reinterpret_cast<const I*>(of[0]);
  const I* const j = reinterpret_cast<const I*>(of[1]);
  const I* const k = reinterpret_cast<const I*>(of[2]);
  const int64_t w = kAll ? kAll : width;
#if defined(__GNUC__) && !defined(__clang__)
#define BRAINSIM_EACH(what) _Pragma("GCC ivdep") _Pragma("GCC unroll 4") for (int64_t q = 0; q < w; ++q) what; return;
#else
#define BRAINSIM_EACH(what) for (int64_t q = 0; q < w; ++q) what; return;
#endif
  switch (code) {
    case Step::COPY: BRAINSIM_EACH(n[q] = i[q])
    case Step::ADD: BRAINSIM_EACH(y[q] = a[q] + b[q])
    case Step::SUB: BRAINSIM_EACH(y[q] = a[q] - b[q])
    case Step::MUL: BRAINSIM_EACH(y[q] = a[q] * b[q])
    case Step::DIV: BRAINSIM_EACH(y[q] = a[q] / b[q])
    case Step::MAX: BRAINSIM_EACH(y[q] = a[q] > b[q] || a[q] != a[q] ? a[q] : b[q])
    case Step::MIN: BRAINSIM_EACH(y[q] = a[q] < b[q] || a[q] != a[q] ? a[q] : b[q])
    case Step::NEG: BRAINSIM_EACH(y[q] = -a[q])
    case Step::ABS: BRAINSIM_EACH(y[q] = std::abs(a[q]))
    case Step::SQRT: BRAINSIM_EACH(y[q] = std::sqrt(a[q]))
    case Step::EXP: BRAINSIM_EACH(y[q] = exponential(a[q]))
    case Step::FLOOR: BRAINSIM_EACH(y[q] = std::floor(a[q]))
    case Step::CEIL: BRAINSIM_EACH(y[q] = std::ceil(a[q]))
    case Step::SIGN: BRAINSIM_EACH(y[q] = a[q] > 0 ? T(1) : a[q] < 0 ? T(-1) : a[q])
    case Step::IS_FINITE: BRAINSIM_EACH(n[q] = a[q] - a[q] == 0)
    case Step::GT: BRAINSIM_EACH(n[q] = a[q] > b[q])
    case Step::GE: BRAINSIM_EACH(n[q] = a[q] >= b[q])
    case Step::LT: BRAINSIM_EACH(n[q] = a[q] < b[q])
    case Step::LE: BRAINSIM_EACH(n[q] = a[q] <= b[q])
    case Step::EQ: BRAINSIM_EACH(n[q] = a[q] == b[q])
    case Step::NE: BRAINSIM_EACH(n[q] = a[q] != b[q])
    case Step::SELECT: BRAINSIM_EACH(n[q] = i[q] ? k[q] : j[q])
    case Step::TO_REAL: BRAINSIM_EACH(y[q] = static_cast<T>(i[q]))
    case Step::TO_WHOLE: BRAINSIM_EACH(n[q] = static_cast<I>(a[q]))
    case Step::ADD_WHOLE: BRAINSIM_EACH(n[q] = i[q] + j[q])
    case Step::SUB_WHOLE: BRAINSIM_EACH(n[q] = i[q] - j[q])
    case Step::MUL_WHOLE: BRAINSIM_EACH(n[q] = i[q] * j[q])
    case Step::MAX_WHOLE: BRAINSIM_EACH(n[q] = i[q] > j[q] ? i[q] : j[q])
    case Step::MIN_WHOLE: BRAINSIM_EACH(n[q] = i[q] < j[q] ? i[q] : j[q])
    case Step::GT_WHOLE: BRAINSIM_EACH(n[q] = i[q] > j[q])
    case Step::GE_WHOLE: BRAINSIM_EACH(n[q] = i[q] >= j[q])
    case Step::LT_WHOLE: BRAINSIM_EACH(n[q] = i[q] < j[q])
    case Step::LE_WHOLE: BRAINSIM_EACH(n[q] = i[q] <= j[q])
    case Step::EQ_WHOLE: BRAINSIM_EACH(n[q] = i[q] == j[q])
    case Step::NE_WHOLE: BRAINSIM_EACH(n[q] = i[q] != j[q])
    case Step::AND: BRAINSIM_EACH(n[q] = i[q] & j[q])
    case Step::OR: BRAINSIM_EACH(n[q] = i[q] | j[q])
    case Step::XOR: BRAINSIM_EACH(n[q] = i[q] ^ j[q])
    case Step::LOG: BRAINSIM_EACH(y[q] = std::log(a[q]))
    case Step::LOG1P: BRAINSIM_EACH(y[q] = std::log1p(a[q]))
    case Step::EXPM1: BRAINSIM_EACH(y[q] = std::expm1(a[q]))
    case Step::TANH: BRAINSIM_EACH(y[q] = std::tanh(a[q]))
    case Step::SIN: BRAINSIM_EACH(y[q] = std::sin(a[q]))
    case Step::COS: BRAINSIM_EACH(y[q] = std::cos(a[q]))
    case Step::POW: BRAINSIM_EACH(y[q] = std::pow(a[q], b[q]))
  }
#undef BRAINSIM_EACH
}

inline int64_t bytes_of(Kind kind, int64_t real) { return kind == Kind::kReal ? real : kind == Kind::kCount ? 4 : 1; }

// Elements [from, from + w) of a row that repeats itself, in a register.
template <class T, class I>
BRAINSIM_INLINE void load(const char* row, Kind kind, int64_t period, int64_t from, int64_t w, char* to) {
  for (int64_t q = 0; q < w;) {
    const int64_t at = (from + q) % period, n = std::min(w - q, period == 1 ? w - q : period - at);
    const auto fill = [&](auto* out, const auto* in) {
      if (period == 1) std::fill_n(out + q, n, static_cast<std::remove_reference_t<decltype(*out)>>(*in));
      else
        for (int64_t k = 0; k < n; ++k) out[q + k] = static_cast<std::remove_reference_t<decltype(*out)>>(in[at + k]);
    };
    if (kind == Kind::kReal) fill(reinterpret_cast<T*>(to), reinterpret_cast<const T*>(row));
    else if (kind == Kind::kCount) fill(reinterpret_cast<I*>(to), reinterpret_cast<const int32_t*>(row));
    else fill(reinterpret_cast<I*>(to), reinterpret_cast<const bool*>(row));
    q += n;
  }
}

template <class T, class I>
BRAINSIM_INLINE void store(const char* from, Kind kind, int64_t w, char* to) {
  const I* const whole = reinterpret_cast<const I*>(from);
  if (kind == Kind::kReal)
    for (int64_t q = 0; q < w; ++q) reinterpret_cast<T*>(to)[q] = reinterpret_cast<const T*>(from)[q];
  else if (kind == Kind::kCount)
    for (int64_t q = 0; q < w; ++q) reinterpret_cast<int32_t*>(to)[q] = static_cast<int32_t>(whole[q]);
  else
    for (int64_t q = 0; q < w; ++q) reinterpret_cast<bool*>(to)[q] = whole[q] != 0;
}

}  // namespace brainsim

#endif  // BRAINSIM_ELEMENTWISE_H_
