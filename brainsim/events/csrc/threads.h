// Parts of a call that have nothing in common, on the threads of XLA: results are the same on any number of them.
#ifndef BRAINSIM_THREADS_H_
#define BRAINSIM_THREADS_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>

#include "call.h"

namespace brainsim {

class Threads {
 public:
  explicit Threads(ffi::ThreadPool pool) : pool_(std::move(pool)) {}

  // How many threads can be had, at most as many as are wanted and as OMP_NUM_THREADS says; where it says nothing, as many as XLA has.
  int64_t up_to(int64_t wanted) {
    if (wanted < 2) return 1;
    const char* const said = std::getenv("OMP_NUM_THREADS");
    const int64_t number = said && *said ? std::strtoll(said, nullptr, 10) : wanted;
    return std::max<int64_t>(1, std::min({wanted, number, pool_.num_threads()}));
  }

  // Calls part(k) for k from 0 to count - 1 on so many threads. The caller takes parts too, and waits for none that no thread has
  // begun: it does not matter whether any thread is free. While it waits, the processor is left to others.
  template <class F>
  void for_each(int64_t count, int64_t threads, F&& part) {
    threads = std::min(count, threads);
    if (threads < 2) {
      for (int64_t k = 0; k < count; ++k) part(k);
      return;
    }
    const auto shared = std::make_shared<Shared>();  // a thread may come when all is done
    const auto work = [shared, count, &part] {
      for (int64_t k; (k = shared->next.fetch_add(1)) < count; shared->done.fetch_add(1, std::memory_order_release)) part(k);
    };
    for (int64_t k = 1; k < threads; ++k) pool_.Schedule(std::decay_t<decltype(work)>(work));
    work();
    while (shared->done.load(std::memory_order_acquire) < count) std::this_thread::yield();
  }

 private:
  struct Shared {
    std::atomic<int64_t> next{0}, done{0};
  };

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
