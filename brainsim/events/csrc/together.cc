// Several deliveries in one call: the spikes of each source are looked for once, and the rows of all its projections are
// on their way from memory at the same time. The spikes can be appended to buffers of events on the way (see record.cc).
//
// Operands: spikes of each source, weight of each delivery, arrays that are added to, and for recording index, step buffer, count,
// step, offset of each recorded population; results: the arrays that are added to, and the first three of recording.
// Own numbers: Together; connectivity and Delivery of each; and Recorded of each population. Spikes and targets may stand
// among others in one array. All operands have the same batch, and results have every level of it.
#include <algorithm>
#include <iterator>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "call.h"
#include "check.h"
#include "connectivity.h"
#include "contract.h"

namespace brainsim {
namespace {

using shared::Together;

constexpr int64_t kPerDelivery = shared::Connectivity::size + shared::Delivery::size;

struct Delivery {
  std::variant<Csr<int32_t>, Csr<uint16_t>, FixedFanOut<int32_t>, FixedFanOut<uint16_t>, OneToOne, Dense> conn;
  int64_t source, source_at, target_at;
  Operand weight, into;
};

// Adds a block of spikes.
template <class S>
void add(const Delivery& delivery, int64_t e, const int32_t* ids, int count, const S* spikes) {
  with_real(delivery.into.type(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_same_v<S, bool> || std::is_same_v<S, T>) {
      const T* const weight = delivery.weight.at<T>(e);
      T* const into = delivery.into.at<T>(e) + delivery.target_at;
      std::visit([&](const auto& conn) {
        if (delivery.weight.size() == 1) add_rows<true>(conn, AtTarget{}, ids, count, spikes, weight, into);
        else add_rows<false>(conn, AtTarget{}, ids, count, spikes, weight, into);
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

// What the numbers say of a call, compared with it; nothing can be done where it does not fit.
void deliveries_of(const Call& call, Check& check, std::vector<Delivery>& found) {
  check.numbers(Together::size);
  if (!check) return;
  const int64_t sources = call.number(Together::sources), count = call.number(Together::deliveries);
  const int64_t targets = call.number(Together::targets);
  check.that(sources >= 0 && count >= 0 && targets >= 0, "numbers", 0, "are negative");
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
  for (int64_t d = 0; d < count && check; ++d) {
    const int64_t at = Together::size + d * kPerDelivery, own = at + shared::Connectivity::size;
    with_connectivity(call, check, at, call.number(own + shared::Delivery::first), [&](const auto& conn) {
      const int64_t source = call.number(own + shared::Delivery::source), target = call.number(own + shared::Delivery::target);
      check.that(source >= 0 && source < sources, "delivery", d, "has no such source");
      check.that(target >= 0 && target < targets, "delivery", d, "has no such target");
      if (!check) return;
      const int64_t source_at = call.number(own + shared::Delivery::source_at), target_at = call.number(own + shared::Delivery::target_at);
      const int64_t source_rest = call.number(own + shared::Delivery::source_rest), target_rest = call.number(own + shared::Delivery::target_rest);
      check.that(source_at >= 0 && source_rest >= 0 && target_at >= 0 && target_rest >= 0, "delivery", d, "has a negative place");
      const Operand into = call.result(target);
      const std::tuple<int64_t, int64_t, ffi::DataType> spikes{source, source_at + conn.n_pre + source_rest, into.type()};
      if (spikes != checked) check.spikes(source, std::get<1>(spikes), into.type());
      checked = spikes;
      check.one_or_each(sources + d, conn.synapses, into.type());
      check.that(into.size() == target_at + conn.n_post + target_rest, "delivery", d, "does not fit its target");
      if (check) found.push_back({conn, source, source_at, target_at, call.operand(sources + d), into});
    });
  }
}

// What is to be done with the spikes of the neurons `at` to `end` in the array of a source: a delivery, or recording.
struct Job {
  int64_t source, at, end;
  const Delivery* delivery;
  int64_t offset;  // operand of what is recorded
};

bool same_neurons(const Job& a, const Job& b) { return a.source == b.source && a.at == b.at && a.end == b.end; }

bool before(const Job& a, const Job& b) { return std::tie(a.source, a.at, a.end) < std::tie(b.source, b.at, b.end); }

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

// What is recorded, which is added to the jobs. The buffers are operands from `first` on, and results from `targets` on.
std::optional<Record> recorded_of(const Call& call, Check& check, int64_t first, std::vector<Job>& jobs) {
  using Numbers = shared::Recorded;
  if (!check) return {};
  const int64_t sources = call.number(Together::sources), targets = call.number(Together::targets);
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
void serve(const Call& call, const Job* from, const Job* end, const std::optional<Record>& record, int64_t e, const int32_t* ids,
           int n, const S* spikes) {
  for (const Job* job = from; job != end; ++job)
    if (job->delivery) std::visit([&](const auto& conn) { prefetch_first(conn, ids, n); }, job->delivery->conn);
  for (const Job* job = from; job != end; ++job) {
    if (job->delivery) add(*job->delivery, e, ids, n, spikes + job->at);
    else record->add(e, *call.operand(job->offset).at<int32_t>(e), ids, n);
  }
}

// Does the jobs `job` to `end`, which are of one source.
template <class S>
void serve_source(const Call& call, const Job* job, const Job* end, const std::optional<Record>& record) {
  const Operand spikes = call.operand(job->source);
  const auto after = [end](const Job* from) { return std::find_if(from, end, [&](const Job& other) { return !same_neurons(*from, other); }); };
  for (int64_t e = 0; e < call.entries(); ++e) {
    const S* const s = spikes.at<S>(e);
    const Job *from = job, *to = after(from);
    const bool all = to == end && from->at == 0 && from->end == spikes.size();
    for_each_block(s, spikes.size(), [&](int32_t* ids, int n) {
      if (all) return serve(call, from, to, record, e, ids, n, s);
      for (int k = 0; k < n;) {
        for (; from->end <= ids[k]; from = to, to = after(from))
          if (to == end) return;
        int next = k;
        for (; next < n && ids[next] < from->end; ++next) ids[next] -= static_cast<int32_t>(from->at);
        while (k < next && ids[k] < 0) ++k;  // of nobody
        if (k < next) serve(call, from, to, record, e, ids + k, next - k, s);
        k = next;
      }
    });
  }
}

ffi::Error deliver_together(const Call& call) {
  // Kept from step to step: to allocate takes as long as to serve a spike
  thread_local std::vector<Delivery> deliveries;
  thread_local std::vector<Job> delivering, recording, jobs;
  deliveries.clear(), delivering.clear(), recording.clear(), jobs.clear();
  Check check(call, Together::size);
  deliveries_of(call, check, deliveries);
  if (!check) return check.error();
  const int64_t sources = call.number(Together::sources), targets = call.number(Together::targets);
  const int64_t first_target = sources + static_cast<int64_t>(deliveries.size());
  jobs_of(deliveries, delivering);
  const std::optional<Record> record = recorded_of(call, check, first_target + targets, recording);
  check.that(in_order(delivering, recording, jobs), "places", 0, "have neurons in common");
  if (!check) return check.error();
  for (int64_t target = 0; target < targets; ++target) call.in_place(target, first_target + target);
  const Job* const end = jobs.data() + jobs.size();
  for (const Job* from = jobs.data(); from != end;) {
    const Job* const to = std::find_if(from, end, [from](const Job& other) { return other.source != from->source; });
    const ffi::DataType type = call.operand(from->source).type();
    if (type == ffi::DataType::PRED) serve_source<bool>(call, from, to, record);
    else with_real(type, [&](auto zero) { serve_source<decltype(zero)>(call, from, to, record); });
    from = to;
  }
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(deliver_together, brainsim::deliver_together);
