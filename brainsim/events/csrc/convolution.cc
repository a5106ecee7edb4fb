// Handler of convolutions. Operands: pixels [images, pixels, channels] and the kernel [taps, channels of a group, features];
// towards the kernel: pixels and the cotangent [images, places, features]; towards the pixels: kernel and cotangent; and the
// array that is added to, where there is one. There is no batch, images are one. Result: that array, or one of its own.
// Own numbers: Convolution, then Axis of each axis.
#include "convolution.h"

#include <map>
#include <memory>

#include "call.h"
#include "check.h"

namespace brainsim {
namespace {

// The window of a call, kept for the next ones that are told the same.
const Window& window_of(const Call& call) {
  using Numbers = shared::Convolution;
  static thread_local std::map<Sizes, std::unique_ptr<Window>> known;
  Sizes key{call.number(Numbers::channels), call.number(Numbers::features), call.number(Numbers::groups)};
  for (int64_t i = Numbers::size; i < call.numbers(); ++i) key.push_back(call.number(i));
  std::unique_ptr<Window>& found = known[key];
  if (!found) {
    std::vector<Axis> axes;
    for (size_t k = 3; k < key.size(); k += shared::Axis::size)
      axes.push_back({key[k], key[k + 1], key[k + 2], key[k + 3], key[k + 4], key[k + 5]});
    auto made = std::make_unique<Window>(std::move(axes), key[0], key[1], key[2]);
    if (known.size() > 32) known.clear();
    return *(known[key] = std::move(made));
  }
  return *found;
}

ffi::Error convolution(const Call& call) {
  using Numbers = shared::Convolution;
  using Of = shared::Axis;
  Check check(call, Numbers::size);
  if (check) check.arguments(0, call.number(Numbers::alone) ? 2 : 3, 1);
  if (!check) return check.error();
  const bool alone = call.number(Numbers::alone);
  const int64_t towards = call.number(Numbers::towards), images = call.number(Numbers::images), axes = call.number(Numbers::axes);
  const int64_t channels = call.number(Numbers::channels), features = call.number(Numbers::features), groups = call.number(Numbers::groups);
  const bool named = towards == shared::Role::PRE || towards == shared::Role::WEIGHT || towards == shared::Role::POST;
  check.that(named, "numbers", Numbers::towards, "name no argument");
  check.that(images >= 0 && channels > 0 && features > 0 && groups > 0, "numbers", 0, "are negative");
  check.that(axes > 0 && axes < 16 && call.numbers() == Numbers::size + axes * Of::size, "numbers", Numbers::axes, "are not those of axes");
  check.that(call.entries() == 1, "call", 0, "has a batch");
  if (!check) return check.error();
  int64_t pixels = 1, places = 1, taps = 1;
  for (int64_t a = 0; a < axes; ++a) {
    const auto of = [&](int64_t k) { return call.number(Numbers::size + a * Of::size + k); };
    check.that(of(Of::into) >= 0 && of(Of::out) >= 0 && of(Of::window) >= 0, "axis", a, "is negative");
    check.that(of(Of::stride) > 0 && of(Of::dilation) > 0, "axis", a, "has steps that are not positive");
    pixels *= of(Of::into), places *= of(Of::out), taps *= of(Of::window);
  }
  const ffi::DataType real = check.real(1);
  const int64_t sizes[] = {images * pixels * channels * groups, taps * channels * features * groups, images * places * features * groups};
  check.operand(0, sizes[towards == shared::Role::PRE ? shared::Role::WEIGHT : shared::Role::PRE], real);
  check.operand(1, sizes[towards == shared::Role::POST ? shared::Role::WEIGHT : shared::Role::POST], real);
  if (check && alone) check.result(0, sizes[towards], real);
  if (check && !alone) check.in_place(0, 2, sizes[towards], real);
  if (!check) return check.error();
  with_real(real, [&](auto zero) {
    using T = decltype(zero);
    static thread_local Room<T> room;
    T* const out = alone ? call.result(0).at<T>(0) : call.in_place(0, 2).template at<T>(0);
    const T *const x = call.operand(0).at<T>(0), *const from = call.operand(1).at<T>(0);
    const int64_t n = images * pixels * channels * groups;
    if (n * places * taps == 0) {
      if (alone) std::fill(out, out + sizes[towards], T{0});
      return;
    }
    const Images<T> job{window_of(call), images, x, from, out, alone, &room};
    const int64_t rows = images * job.window.axes.front().in;
    const bool dense = towards != shared::Role::PRE && denser(x, rows, n / rows, call.number(Numbers::part));
    convolve(job, towards, dense);
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(convolution, brainsim::convolution);
