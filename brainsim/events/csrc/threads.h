// Parts of a call that have nothing in common, on several threads: results are the same on any number of them.
#ifndef BRAINSIM_THREADS_H_
#define BRAINSIM_THREADS_H_

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "call.h"
#include "crew.h"

namespace brainsim {

class Threads {
 public:
  explicit Threads(ffi::ThreadPool pool) : pool_(std::move(pool)) {}

  // How many threads are worth it for what takes one of them about so many ns, at most as many as OMP_NUM_THREADS says; where
  // it says nothing, as many as XLA has. Others are not woken for little.
  int64_t up_to(double ns) {
    const double worth = ns / kOfAThread;
    if (worth < 2) return 1;
    int64_t number = std::min(static_cast<int64_t>(std::min(worth, 1e6)), pool_.num_threads());
    if (const char* const said = std::getenv("OMP_NUM_THREADS")) {
      char* end = nullptr;
      const int64_t most = std::strtoll(said, &end, 10);
      if (end != said) number = std::min(number, most);
    }
    if (ns < kToWake) number = std::min(number, 1 + Crew::own().awake());
    return std::max<int64_t>(1, number);
  }

  // Calls part(k) for k from 0 to count - 1 on so many threads (see crew.h), or here alone where they serve another call.
  template <class F>
  void for_each(int64_t count, int64_t threads, F&& part) {
    threads = std::min(count, threads);
    auto backwards = [&](int64_t k) { part(count - 1 - k); };  // a crew begins with the last
    const auto call = [](void* of, int64_t k) { (*static_cast<decltype(&backwards)>(of))(k); };
    if (threads > 1 && Crew::own().run(call, &backwards, count, threads - 1)) return;
    for (int64_t k = 0; k < count; ++k) part(k);
  }

 private:
  static constexpr double kOfAThread = 8e3, kToWake = 6e4;

  ffi::ThreadPool pool_;
};

}  // namespace brainsim

// As BRAINSIM_HANDLER, of a function that is given threads too.
#define BRAINSIM_HANDLER_ON_THREADS(name, function)                                                                               \
  XLA_FFI_DEFINE_HANDLER_SYMBOL(                                                                                                  \
      brainsim_##name,                                                                                                            \
      +[](xla::ffi::ThreadPool pool, xla::ffi::RemainingArgs args, xla::ffi::RemainingRets rets,                                  \
          xla::ffi::Span<const int64_t> numbers) {                                                                                \
        brainsim::Threads threads(std::move(pool));                                                                               \
        return function(brainsim::Call(#name, args, rets, numbers), threads);                                                     \
      },                                                                                                                          \
      xla::ffi::Ffi::Bind().Ctx<xla::ffi::ThreadPool>().RemainingArgs().RemainingRets().Attr<xla::ffi::Span<const int64_t>>("numbers"))

#endif  // BRAINSIM_THREADS_H_
