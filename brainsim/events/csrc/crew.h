// Threads that stay awake for a while after each job, as steps follow each other: to wake one that sleeps takes 5 to 20 us,
// as long as the job of a step may last.
#ifndef BRAINSIM_CREW_H_
#define BRAINSIM_CREW_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace brainsim {

class Crew {
 public:
  using Part = void (*)(void*, int64_t);

  // That of the process. It is never taken down: its threads sleep when the process ends.
  static Crew& own() {
    static Crew* const crew = new Crew;
    return *crew;
  }

  // How many are awake, and would take parts at once.
  int64_t awake() const { return awake_.load(std::memory_order_relaxed); }

  // Calls part(of, k) for k below count, here and on so many others at most. The caller takes parts too and waits for none
  // that nobody has begun, so it does not matter whether anybody comes. One job at a time: false where there is another.
  bool run(Part part, void* of, int64_t count, int64_t others) {
    if (alone_.load(std::memory_order_relaxed) || count >= static_cast<int64_t>(kMost) || busy_.exchange(true, std::memory_order_acquire)) return false;
    others = hire(others);
    part_.store(part, std::memory_order_relaxed), of_.store(of, std::memory_order_relaxed);
    others_.store(others, std::memory_order_relaxed), done_.store(0, std::memory_order_relaxed);
    const uint64_t job = (left_.load(std::memory_order_relaxed) / kMost + 1) * kMost;
    left_.store(job + static_cast<uint64_t>(count));  // in one order with what those say that go to sleep
    for (int64_t k = 0; k < others; ++k) members_[k]->wake();
    while (take(-1)) {}
    while (done_.load(std::memory_order_acquire) < count) std::this_thread::yield();
    busy_.store(false, std::memory_order_release);
    return true;
  }

 private:
  static constexpr uint64_t kMost = uint64_t{1} << 32;  // parts of a job
  static constexpr std::chrono::microseconds kAwake{200};

  struct Member {
    std::mutex mutex;
    std::condition_variable woken;
    std::atomic<bool> asleep{false};

    void wake() {
      if (!asleep.load()) return;
      {
        const std::lock_guard<std::mutex> lock(mutex);
        asleep.store(false);
      }
      woken.notify_one();
    }
  };

  Crew() {
#if defined(__unix__) || defined(__APPLE__)
    pthread_atfork(nullptr, nullptr, [] { own().alone_.store(true); });  // threads stay behind when a process forks
#endif
  }

  // How many members there are of those that are wanted, once some more have been hired.
  int64_t hire(int64_t wanted) {
    try {
      while (static_cast<int64_t>(members_.size()) < wanted) {
        members_.reserve(members_.size() + 1);  // what fails, fails before there is a thread
        auto member = std::make_unique<Member>();
        std::thread([this, own = member.get(), number = static_cast<int64_t>(members_.size())] { serve(*own, number); }).detach();
        members_.push_back(std::move(member));
      }
    } catch (const std::exception&) {  // the system has no more
    }
    return std::min<int64_t>(wanted, static_cast<int64_t>(members_.size()));
  }

  // Takes a part of the job, if some are left that this one may take. What a job is cannot change meanwhile, as long as parts
  // of it are left; a number that has been taken by another, or is of another job, is not what was seen.
  bool take(int64_t number) {
    uint64_t left = left_.load(std::memory_order_acquire);
    while (left % kMost) {
      const Part part = part_.load(std::memory_order_relaxed);
      void* const of = of_.load(std::memory_order_relaxed);
      if (number >= others_.load(std::memory_order_relaxed)) return false;
      if (!left_.compare_exchange_weak(left, left - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      part(of, static_cast<int64_t>(left % kMost) - 1);
      done_.fetch_add(1, std::memory_order_release);
      return true;
    }
    return false;
  }

  [[noreturn]] void serve(Member& own, int64_t number) {
    using Clock = std::chrono::steady_clock;
    awake_.fetch_add(1);
    for (Clock::time_point last = Clock::now();;) {
      if (take(number)) {
        while (take(number)) {}
        last = Clock::now();
      } else if (Clock::now() - last < kAwake) {
        std::this_thread::yield();
      } else {
        std::unique_lock<std::mutex> lock(own.mutex);
        own.asleep.store(true), awake_.fetch_sub(1);
        if (left_.load() % kMost == 0 || number >= others_.load()) own.woken.wait(lock, [&own] { return !own.asleep.load(); });
        own.asleep.store(false), awake_.fetch_add(1);
        last = Clock::now();
      }
    }
  }

  std::atomic<bool> alone_{false}, busy_{false};
  std::atomic<uint64_t> left_{0};  // the number of the job, and how many parts nobody has taken
  std::atomic<Part> part_{nullptr};
  std::atomic<void*> of_{nullptr};
  std::atomic<int64_t> others_{0}, done_{0}, awake_{0};
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace brainsim

#endif  // BRAINSIM_CREW_H_
