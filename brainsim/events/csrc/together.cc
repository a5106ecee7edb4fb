// Several deliveries in one call: the spikes of each source are looked for once, and the rows of all projections are
// on their way from memory at the same time (gather.h). The spikes can be appended to buffers of events on the way (see record.cc).
// Where synapses have delays of their own, what is due is delivered first, and the spikes are noted (see calendar.h); a place
// may have slots for a block of steps, in which what is due is added up when the block begins (see ahead.h).
//
// Operands: spikes of each source, weight of each delivery, arrays that are added to, `fired` and `waiting` of each delivery
// that is later, slots of each place that has some and the step for which they are (another where they are for none), and
// for recording index, step buffer, count, step, offset of each recorded population; results: the arrays that are added to,
// what is under way, slots and step, and the first three of recording. Shared: of each delivery its connectivity, and
// where it is later where segments begin, and the step. Own numbers: Together; connectivity, Calendar (of depth 0 where it is
// at once) and Delivery of each; and Recorded of each population. Spikes and targets may stand among others in one array.
// All operands have the same batch, and results have every level of it. Where there is much to add to slots, threads share the
// places, of which each is one thread's: sums are made in the same order.
#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "ahead.h"
#include "calendar.h"
#include "call.h"
#include "check.h"
#include "connectivity.h"
#include "contract.h"
#include "gather.h"
#include "seen.h"
#include "threads.h"

namespace brainsim {
namespace {

using shared::Together;

constexpr int64_t kPerDelivery = shared::Connectivity::size + shared::Calendar::size + shared::Delivery::size;

// What is under way to synapses with delays of their own.
struct Later {
  Calendar at;
  Operand fired, waiting;
};

struct Delivery {
  std::variant<Csr<int32_t>, Csr<uint16_t>, FixedFanOut<int32_t>, FixedFanOut<uint16_t>, OneToOne, Dense> conn;
  int64_t source, source_at, target_at, n_post;
  Operand weight, into;
  std::optional<Later> later;
  int64_t ahead;  // which slots; below 0: none
};

// Calls f(weights, 0) with weights of an entry, which are as what is added to, or of 16 bits, and a zero of the type that is added to.
template <class F>
void with_weight(const Delivery& delivery, int64_t e, F&& f) {
  with_real(delivery.into.type(), [&](auto zero) {
    if (delivery.weight.type() == ffi::DataType::F16) f(delivery.weight.at<Half>(e), zero);
    else f(delivery.weight.at<decltype(zero)>(e), zero);
  });
}

// Delivers what is due now.
void add_due(const Delivery& delivery, int64_t e, Agenda& agenda) {
  const Later& later = *delivery.later;
  agenda.segments.clear();
  agenda.add<true>(later.at, later.fired.at<uint32_t>(e), later.waiting.at<uint32_t>(e));
  with_weight(delivery, e, [&](const auto* weight, auto zero) {
    std::visit([&](const auto& conn) {
      if constexpr (kHasRows<std::decay_t<decltype(conn)>>)
        add_segments(agenda.segments, conn.indices, weight, delivery.weight.size() == 1,
                     delivery.into.at<decltype(zero)>(e) + delivery.target_at);
    }, delivery.conn);
  });
}

// Adds a block of spikes, puts in its rows, or notes it where they arrive later. Rows put in before what is added at once are
// added first.
template <class S>
void add(const Delivery& delivery, int64_t e, const int32_t* ids, int count, const S* spikes, Rows& rows) {
  if (delivery.later)
    return delivery.later->at.mark(ids, count, delivery.later->fired.at<uint32_t>(e), delivery.later->waiting.at<uint32_t>(e));
  with_weight(delivery, e, [&](const auto* weight, auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<S, bool> || std::is_same_v<S, T>) {
      T* const into = delivery.into.at<T>(e) + delivery.target_at;
      const bool one = delivery.weight.size() == 1;
      std::visit([&](const auto& conn) {
        if constexpr (kHasRows<std::decay_t<decltype(conn)>>) {
          rows.put(conn, spikes, weight, one, into);
        } else if constexpr (std::is_same_v<std::decay_t<decltype(*weight)>, T>) {
          rows.add_all();
          if (one) add_rows<true>(conn, AtTarget{}, ids, count, spikes, weight, into);
          else add_rows<false>(conn, AtTarget{}, ids, count, spikes, weight, into);
        }
      }, delivery.conn);
    }
  });
}

struct Record {
  Operand index, when, count, step;

  void add(int64_t e, int32_t offset, const int32_t* ids, int n) const {
    int32_t* const to = index.at<int32_t>(e);
    int32_t* const at = when.at<int32_t>(e);
    const int32_t now = *step.at<int32_t>(e), capacity = static_cast<int32_t>(index.size());
    int32_t& total = *count.at<int32_t>(e);
    for (int k = 0; k < n; ++k, ++total) {
      if (total < 0 || total >= capacity) continue;
      to[total] = offset + ids[k];
      at[total] = now;
    }
  }
};

// What is to be done with the spikes of the neurons `at` to `end` in the array of a source: a delivery, or recording.
struct Job {
  int64_t source, at, end;
  const Delivery* delivery;
  int64_t offset;  // operand of what is recorded
};

bool same_neurons(const Job& a, const Job& b) { return a.source == b.source && a.at == b.at && a.end == b.end; }

bool before(const Job& a, const Job& b) { return std::tie(a.source, a.at, a.end) < std::tie(b.source, b.at, b.end); }

// Slots for the steps of a block, of the places that deliveries are made to ahead.
struct Slots {
  std::vector<Operand> sums;  // [steps, n_post] of each place
  std::optional<Operand> next;  // the step for which they are
  struct Fired {  // which neurons fired in this step, among `ids`, and the jobs of them
    const Job *from, *end;
    int64_t entry, first, count;
  };
  struct Part {  // the courses of a delivery, among all; the step after the block's begin that is their first
    const Delivery* delivery;
    int64_t entry, first, from, end;
  };
  struct Reached {
    Courses courses;
    std::vector<Part> parts;
    void clear() { courses.clear(), parts.clear(); }
  };
  std::vector<Fired> fired;
  std::vector<int32_t> ids;
  Reached reached;  // by what fired in this step
  std::vector<Reached> due;  // in each entry of each place, when a block begins, by each range of presynaptic neurons

  void clear() { sums.clear(), next.reset(), fired.clear(), ids.clear(); }

  // Calls f(targets, weights, whether there is one weight, a zero of the type that is added to) for a delivery.
  template <class F>
  void with_rows(const Delivery& delivery, int64_t e, F&& f) const {
    with_weight(delivery, e, [&](const auto* weight, auto zero) {
      std::visit([&](const auto& conn) {
        if constexpr (kHasRows<std::decay_t<decltype(conn)>>) f(conn.indices, weight, delivery.weight.size() == 1, zero);
      }, delivery.conn);
    });
  }

  // Adds what the courses of a part reach in some steps to its slots; they are asked for before, kTogether at a time.
  void deliver(const Courses& courses, const Part& part, Steps steps, bool asked) const {
    constexpr int64_t kTogether = 16;
    with_rows(*part.delivery, part.entry, [&](const auto* targets, const auto* weight, bool one, auto zero) {
      using T = decltype(zero);
      const int64_t n_post = part.delivery->n_post;
      T* const slots = sums[part.delivery->ahead].at<T>(part.entry) + part.first * n_post;
      for (int64_t next, from = part.from; from < part.end; from = next) {
        next = asked ? part.end : std::min(part.end, from + kTogether);
        if (!asked) courses.ask_for(targets, weight, one, from, next, steps);
        courses.deliver(targets, weight, one, from, next, steps, n_post, slots);
      }
    });
  }

  // Delivers what is due now, from slots that are filled where a block begins, or where they are for another step.
  void add_due(const std::vector<Delivery>& deliveries, int64_t entries, Threads& threads) {
    int64_t step = 0;
    for (const Delivery& d : deliveries)
      if (d.ahead >= 0) step = d.later->at.step;
    const int64_t now = place_in_block(step), places = static_cast<int64_t>(sums.size());
    bool others = false;
    for (int64_t e = 0; e < entries; ++e) {
      int32_t& expected = *next->at<int32_t>(e);
      others |= expected != step;
      expected = static_cast<int32_t>(step + 1);
    }
    const bool begins = others || now == 0;
    double ns = begins ? kUnderWay * under_way(deliveries, entries) : 0;
    for (const Operand& place : sums) ns += kSum * static_cast<double>(entries * place.size() / kSteps);
    const int64_t several = threads.up_to(ns), count = entries * places, ranges = begins ? ranges_of(count, several, kSteps - now) : 1;
    if (begins) due.resize(std::max<size_t>(due.size(), count * ranges));
    const auto find = [&](int64_t k, int64_t range) {
      const Operand& place = sums[k % places];
      if (others && range == 0) std::memset(place.bytes_at(k / places), 0, place.size() * ffi::ByteWidth(place.type()));
      find_due(deliveries, k / places, k % places, now, range, ranges, due[k * ranges + range]);
    };
    const auto add = [&](int64_t k, int64_t range) {
      const Reached* const found = due.data() + k * ranges;
      const size_t parts = begins ? found->parts.size() : 0;  // of each range as many
      for (size_t p = 0; p < parts; ++p)
        for (int64_t r = 0; r < ranges; ++r) deliver(found[r].courses, found[r].parts[p], range_of(range, ranges, kSteps - now), false);
      if (range == 0) add_slot(deliveries, k / places, k % places, now);
    };
    if (ranges > 1) threads.for_each(count * ranges, several, [&](int64_t k) { find(k / ranges, k % ranges); });
    threads.for_each(count * ranges, several, [&](int64_t k) {
      if (begins && ranges == 1) find(k, 0);
      add(k / ranges, k % ranges);
    });
  }

  // Notes which neurons of the jobs `from` to `end` fired.
  void note(const Job* from, const Job* end, int64_t e, const int32_t* some, int count) {
    if (fired.empty() || fired.back().from != from || fired.back().entry != e)
      fired.push_back({from, end, e, static_cast<int64_t>(ids.size()), 0});
    ids.insert(ids.end(), some, some + count);
    fired.back().count += count;
  }

  // Delivers what arrives later in the block of what fired in this step.
  void add_fired(Threads& threads) {
    constexpr int64_t kMost = 256;  // courses whose synapses stay in the cache until all have been asked for
    const auto for_each = [this](auto&& f) {
      for (const Fired& some : fired)
        for (const Job* job = some.from; job != some.end; ++job)
          if (job->delivery && job->delivery->ahead >= 0) f(some, *job->delivery, job->delivery->later->at);
    };
    // There are few synapses of each delivery, which would be waited for one after the other
    for_each([this](const Fired& some, const Delivery&, const Calendar& at) {
      for (int64_t k = 0; k < some.count; ++k) ask_line(at.begins + ids[some.first + k] * (at.depth + 1));
    });
    const Courses& courses = reached.courses;
    reached.clear();
    int64_t left = 0;  // steps of the block
    for_each([&](const Fired& some, const Delivery& delivery, const Calendar& at) {
      const int64_t now = place_in_block(at.step), from = courses.size();
      reached.courses.add_fired(at, now, ids.data() + some.first, some.count);
      reached.parts.push_back({&delivery, some.entry, now + 1, from, courses.size()});
      left = kSteps - 1 - now;
    });
    const bool all = courses.size() <= kMost;
    const auto add_to = [&](int64_t place, Steps steps) {
      const auto here = [&](const Part& part) { return place < 0 || part.delivery->ahead == place; };
      if (all)
        for (const Part& part : reached.parts)
          if (here(part))
            with_rows(*part.delivery, part.entry, [&](const auto* targets, const auto* weight, bool one, auto) {
              courses.ask_for(targets, weight, one, part.from, part.end, steps);
            });
      for (const Part& part : reached.parts)
        if (here(part)) deliver(courses, part, steps, all);
    };
    const int64_t several = threads.up_to(kReached * static_cast<double>(courses.synapses()));
    if (several < 2) return add_to(-1, {});  // all of them
    const int64_t places = static_cast<int64_t>(sums.size()), ranges = ranges_of(places, several, left);
    threads.for_each(places * ranges, several, [&](int64_t k) { add_to(k / ranges, range_of(k % ranges, ranges, left)); });
  }

 private:
  // About how many ns a sum takes, a synapse of a spike under way, which may be reached in a block, and one that is reached.
  static constexpr double kSum = 0.3, kUnderWay = 0.3, kReached = 1.5;

  // How many synapses spikes have that are under way when a block begins, about.
  static double under_way(const std::vector<Delivery>& deliveries, int64_t entries) {
    double synapses = 0;
    for (const Delivery& d : deliveries)
      if (d.ahead >= 0)
        for (int64_t e = 0; e < entries; ++e) {
          const uint32_t* const waiting = d.later->waiting.at<uint32_t>(e);
          int64_t neurons = 0;
          for (int64_t w = 0; w < d.later->at.waiting_words(); ++w) neurons += __builtin_popcount(waiting[w]);
          const auto all = std::visit([](const auto& conn) { return conn.synapses; }, d.conn);
          if (neurons) synapses += static_cast<double>(neurons) * static_cast<double>(all) / static_cast<double>(d.later->at.n_pre);
        }
    return synapses;
  }

  // Into how many ranges the steps that are left of a block are divided, so that there is work for each thread.
  static int64_t ranges_of(int64_t places, int64_t threads, int64_t left) {
    return threads < 2 ? 1 : std::clamp<int64_t>((threads + places - 1) / places, 1, left);
  }

  static Steps range_of(int64_t range, int64_t ranges, int64_t left) { return {range * left / ranges, (range + 1) * left / ranges}; }

  void add_slot(const std::vector<Delivery>& deliveries, int64_t e, int64_t place, int64_t now) const {
    const auto own = std::find_if(deliveries.begin(), deliveries.end(), [place](const Delivery& d) { return d.ahead == place; });
    with_real(own->into.type(), [&](auto zero) {
      using T = decltype(zero);
      T* const into = own->into.at<T>(e) + own->target_at;
      T* const slot = sums[place].at<T>(e) + now * own->n_post;
      for (int64_t j = 0; j < own->n_post; ++j) into[j] += slot[j], slot[j] = T{0};
    });
  }

  // What is due in the block, from its step `now` on, of a range of each delivery's presynaptic neurons.
  static void find_due(const std::vector<Delivery>& deliveries, int64_t e, int64_t place, int64_t now, int64_t range, int64_t ranges,
                       Reached& due) {
    due.clear();
    for (int64_t age = now + 1; age > 0; --age)  // what was fired before the block, and then in each of its steps
      for (const Delivery& d : deliveries)
        if (d.ahead == place) {
          uint32_t* const own = d.later->fired.at<uint32_t>(e);
          uint32_t* const waiting = d.later->waiting.at<uint32_t>(e);
          const Calendar& at = d.later->at;
          const int64_t from = due.courses.size(), words = at.waiting_words();
          const int64_t first = words * range / ranges, last = words * (range + 1) / ranges;
          if (age > now) due.courses.add_earlier(at, now, own, waiting, first, last);
          else due.courses.add_of_age(at, age, now, own, waiting, first, last);
          due.parts.push_back({&d, e, now, from, due.courses.size()});
        }
  }
};

// The slots, results from `state` on and operands as many after it as there are before all targets.
void slots_of(const Call& call, Check& check, int64_t before, int64_t state, int64_t ahead, const std::vector<Delivery>& deliveries, Slots& slots) {
  for (int64_t place = 0; place < ahead && check; ++place) {
    const auto same = [place](const Delivery& d) { return d.ahead == place; };
    const auto own = std::find_if(deliveries.begin(), deliveries.end(), same);
    check.that(own != deliveries.end(), "slots", place, "are of no delivery");
    if (!check) return;
    for (const Delivery& d : deliveries)
      if (same(d)) {
        const bool there = d.into.bytes_at(0) == own->into.bytes_at(0) && d.target_at == own->target_at && d.n_post == own->n_post;
        check.that(there && d.later->at.step == own->later->at.step, "slots", place, "are of several places");
      }
    check.in_place(state + place, before + state + place, kSteps * own->n_post, own->into.type());
    if (check) slots.sums.push_back(call.in_place(state + place, before + state + place));
  }
  if (ahead == 0 || !check) return;
  check.in_place(state + ahead, before + state + ahead, 1, ffi::DataType::S32);
  if (check) slots.next = call.in_place(state + ahead, before + state + ahead);
}

// What the numbers say of a call, compared with it; nothing can be done where it does not fit.
void deliveries_of(const Call& call, Check& check, std::vector<Delivery>& found, Slots& slots) {
  check.numbers(Together::size);
  if (!check) return;
  const int64_t sources = call.number(Together::sources), count = call.number(Together::deliveries);
  const int64_t targets = call.number(Together::targets), ahead = call.number(Together::ahead);
  check.that(sources >= 0 && count >= 0 && targets >= 0 && ahead >= 0, "numbers", 0, "are negative");
  check.numbers(Together::size + count * kPerDelivery);
  for (int64_t target = 0; target < targets && check; ++target) {
    const int64_t into = sources + count + target;
    const ffi::DataType real = check.real(into);
    if (!check) return;
    const int64_t size = call.operand(into).size();
    check.in_place(target, into, size, real);
    check.result(target, size, real);
  }
  std::tuple<int64_t, int64_t, ffi::DataType> checked{-1, 0, ffi::DataType::INVALID};  // many are of the same spikes
  int64_t state = targets;  // the result that comes next of those which are under way
  for (int64_t d = 0; d < count && check; ++d) {
    const int64_t at = Together::size + d * kPerDelivery, calendar = at + shared::Connectivity::size;
    const int64_t own = calendar + shared::Calendar::size, first = call.number(own + shared::Delivery::first);
    const auto place = [&](const auto& conn, const Calendar* later) {
      const int64_t source = call.number(own + shared::Delivery::source), target = call.number(own + shared::Delivery::target);
      check.that(source >= 0 && source < sources, "delivery", d, "has no such source");
      check.that(target >= 0 && target < targets, "delivery", d, "has no such target");
      if (!check) return;
      const int64_t source_at = call.number(own + shared::Delivery::source_at), target_at = call.number(own + shared::Delivery::target_at);
      const int64_t source_rest = call.number(own + shared::Delivery::source_rest), target_rest = call.number(own + shared::Delivery::target_rest);
      check.that(source_at >= 0 && source_rest >= 0 && target_at >= 0 && target_rest >= 0, "delivery", d, "has a negative place");
      const Operand into = call.result(target);
      const std::tuple<int64_t, int64_t, ffi::DataType> spikes{source, source_at + conn.n_pre + source_rest, into.type()};
      if (later) check.operand(source, std::get<1>(spikes), ffi::DataType::PRED);
      else if (spikes != checked) check.spikes(source, std::get<1>(spikes), into.type());
      if (!later) checked = spikes;
      const bool half = kHasRows<std::decay_t<decltype(conn)>> && check && sources + d < call.operands() && call.operand(sources + d).type() == ffi::DataType::F16;
      check.one_or_each(sources + d, conn.synapses, half ? ffi::DataType::F16 : into.type());
      check.that(into.size() == target_at + conn.n_post + target_rest, "delivery", d, "does not fit its target");
      std::optional<Later> under_way;
      if (later) {
        check.that(kHasRows<std::decay_t<decltype(conn)>>, "delivery", d, "is later and has no rows of targets");
        check.in_place(state, sources + count + state, conn.n_pre * later->words, ffi::DataType::U32);
        check.in_place(state + 1, sources + count + state + 1, later->waiting_words(), ffi::DataType::U32);
        if (!check) return;
        under_way = Later{*later, call.result(state), call.result(state + 1)};
        state += 2;
      }
      const int64_t place = call.number(own + shared::Delivery::ahead);
      check.that(place < ahead, "delivery", d, "has no such slots");
      check.that(place < 0 || (later && 32 * later->words >= later->depth + kSteps), "delivery", d, "is not one that is made ahead");
      if (check) found.push_back({conn, source, source_at, target_at, conn.n_post, call.operand(sources + d), into, under_way, place});
    };
    if (call.number(calendar + shared::Calendar::depth) > 0)
      with_calendar(call, check, at, first, [&](const auto& conn, const Calendar& later) { place(conn, &later); });
    else
      with_connectivity(call, check, at, first, [&](const auto& conn) { place(conn, nullptr); });
  }
  slots_of(call, check, sources + count, state, ahead, found, slots);
}

void jobs_of(const std::vector<Delivery>& deliveries, std::vector<Job>& found) {
  for (const Delivery& d : deliveries)
    std::visit([&](const auto& conn) { found.push_back({d.source, d.source_at, d.source_at + conn.n_pre, &d, -1}); }, d.conn);
}

// All jobs by their neurons, deliveries first; whether they have all neurons or none in common. They come in this order
// already: see events/_together.py.
bool in_order(std::vector<Job>& deliveries, std::vector<Job>& recorded, std::vector<Job>& jobs) {
  for (std::vector<Job>* some : {&deliveries, &recorded})
    if (!std::is_sorted(some->begin(), some->end(), before)) std::stable_sort(some->begin(), some->end(), before);
  std::merge(deliveries.begin(), deliveries.end(), recorded.begin(), recorded.end(), std::back_inserter(jobs), before);
  for (size_t k = 1; k < jobs.size(); ++k)
    if (jobs[k].source == jobs[k - 1].source && jobs[k].at < jobs[k - 1].end && !same_neurons(jobs[k], jobs[k - 1])) return false;
  return true;
}

// What is recorded, which is added to the jobs. The buffers are operands from `first` on, and results from `targets` on, after what is added to
// and what is under way.
std::optional<Record> recorded_of(const Call& call, Check& check, int64_t first, int64_t targets, std::vector<Job>& jobs) {
  using Numbers = shared::Recorded;
  if (!check) return {};
  const int64_t sources = call.number(Together::sources);
  if (call.results() == targets) {
    check.arguments(call.shared_arrays(), first, targets);
    return {};
  }
  const int64_t own = Together::size + call.number(Together::deliveries) * kPerDelivery;
  const int64_t populations = call.operands() - first - 4;
  check.that(populations >= 0, "operand", first + 3, "is missing");
  check.arguments(call.shared_arrays(), first + 4 + populations, targets + 3);
  check.numbers(own + populations * Numbers::size);
  if (!check) return {};
  const int64_t capacity = call.operand(first).size();
  for (int64_t k = 0; k < 2; ++k) check.in_place(targets + k, first + k, capacity, ffi::DataType::S32);
  check.in_place(targets + 2, first + 2, 1, ffi::DataType::S32);
  check.operand(first + 3, 1, ffi::DataType::S32);
  for (int64_t p = 0; p < populations; ++p) {
    const int64_t number = own + p * Numbers::size, operand = first + 4 + p;
    const int64_t source = call.number(number + Numbers::source), at = call.number(number + Numbers::at);
    const int64_t rest = call.number(number + Numbers::rest);
    check.that(source >= 0 && source < sources, "population", p, "has no such source");
    check.operand(operand, 1, ffi::DataType::S32);
    if (!check) return {};
    const int64_t size = call.operand(source).size();
    check.that(at >= 0 && rest >= 0 && at + rest <= size, "population", p, "has no such place");
    const ffi::DataType type = call.operand(source).type();
    if (type != ffi::DataType::PRED) check.real(source);
    check.operand(source, size, type);
    jobs.push_back({source, at, size - rest, nullptr, operand});
  }
  if (!check) return {};
  return Record{call.in_place(targets, first), call.in_place(targets + 1, first + 1), call.in_place(targets + 2, first + 2),
                call.operand(first + 3)};
}

// Does the jobs `from` to `end`, which are of the same neurons, with those of them that have spiked.
template <class S>
void serve(const Call& call, const Job* from, const Job* end, const std::optional<Record>& record, Slots& slots, int64_t e,
           Rows& rows, const int32_t* ids, int n, const S* spikes) {
  if (!slots.sums.empty()) slots.note(from, end, e, ids, n);
  rows.neurons(ids, n);
  for (const Job* job = from; job != end; ++job) {
    if (job->delivery) add(*job->delivery, e, ids, n, spikes + job->at, rows);
    else record->add(e, *call.operand(job->offset).at<int32_t>(e), ids, n);
  }
  if (rows.full()) rows.add_all();
}

// Does the jobs `job` to `end`, which are of one source.
template <class S>
void serve_source(const Call& call, const Job* job, const Job* end, const std::optional<Record>& record, Slots& slots, Rows& rows) {
  const Operand spikes = call.operand(job->source);
  const auto after = [end](const Job* from) { return std::find_if(from, end, [&](const Job& other) { return !same_neurons(*from, other); }); };
  const int64_t begin = job->at, size = (end - 1)->end - begin;  // the array may hold others before and behind
  for (int64_t e = 0; e < call.entries(); ++e) {
    const S* const s = spikes.at<S>(e);
    const Job *from = job, *to = after(from);
    const bool all = to == end;
    for_each_block(s + begin, size, [&](int32_t* ids, int n) {
      if (all) return serve(call, from, to, record, slots, e, rows, ids, n, s);
      for (int k = 0; k < n;) {
        for (; from->end - begin <= ids[k]; from = to, to = after(from))
          if (to == end) return;
        int next = k;
        for (; next < n && ids[next] < from->end - begin; ++next) ids[next] -= static_cast<int32_t>(from->at - begin);
        while (k < next && ids[k] < 0) ++k;  // of nobody
        if (k < next) serve(call, from, to, record, slots, e, rows, ids + k, next - k, s);
        k = next;
      }
    });
  }
}

// What a call is found to ask for. Where nothing is under way it is the same in each step.
struct Plan {
  Seen seen;
  std::vector<Delivery> deliveries;
  std::vector<Job> jobs, delivering, recording;
  std::optional<Record> record;
  int64_t first = 0, later = 0, ahead = 0;  // first operand that is added to; deliveries and places with something under way

  ffi::Error read(const Call& call, Slots& slots) {
    seen.forget(), deliveries.clear(), jobs.clear(), delivering.clear(), recording.clear();
    Check check(call, Together::size);
    deliveries_of(call, check, deliveries, slots);
    if (!check) return check.error();
    first = call.number(Together::sources) + static_cast<int64_t>(deliveries.size()), ahead = call.number(Together::ahead);
    later = std::count_if(deliveries.begin(), deliveries.end(), [](const Delivery& d) { return d.later.has_value(); });
    const int64_t targets = call.number(Together::targets) + 2 * later, all = targets + (ahead ? ahead + 1 : 0);
    jobs_of(deliveries, delivering);
    record = recorded_of(call, check, first + all, all, recording);
    check.that(in_order(delivering, recording, jobs), "places", 0, "have neurons in common");
    if (!check) return check.error();
    for (int64_t target = 0; target < targets; ++target) call.in_place(target, first + target);
    if (later == 0) seen.keep(call);
    return check.error();
  }
};

ffi::Error deliver_together(const Call& call, Threads& threads) {
  // Kept from step to step: to allocate takes as long as to serve a spike
  constexpr size_t kCalls = 8;  // of a step
  struct Kept {
    Plan plans[kCalls];
    Slots slots;
    Agenda agenda;
    Rows rows;
  };
  thread_local Kept kept;
  Plan& plan = kept.plans[reinterpret_cast<uintptr_t>(call.all_numbers().begin()) / 64 % kCalls];
  Slots& slots = kept.slots;
  slots.clear();
  if (plan.seen.is(call)) {
    for (int64_t k = 0; k < call.results(); ++k) call.in_place(k, plan.first + k);
  } else if (ffi::Error error = plan.read(call, slots); error.failure()) {
    return error;
  }
  if (plan.ahead) slots.add_due(plan.deliveries, call.entries(), threads);
  if (plan.later)
    for (int64_t e = 0; e < call.entries(); ++e)
      for (const Delivery& delivery : plan.deliveries)
        if (delivery.later && delivery.ahead < 0) add_due(delivery, e, kept.agenda);
  const Job* const end = plan.jobs.data() + plan.jobs.size();
  for (const Job* from = plan.jobs.data(); from != end;) {
    const Job* const to = std::find_if(from, end, [from](const Job& other) { return other.source != from->source; });
    const ffi::DataType type = call.operand(from->source).type();
    if (type == ffi::DataType::PRED) serve_source<bool>(call, from, to, plan.record, slots, kept.rows);
    else with_real(type, [&](auto zero) { serve_source<decltype(zero)>(call, from, to, plan.record, slots, kept.rows); });
    from = to;
  }
  kept.rows.add_all();
  slots.add_fired(threads);
  return ffi::Error::Success();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER_ON_THREADS(deliver_together, brainsim::deliver_together);
