// Handler of rows of spikes through a dense weight. Operands: spikes [rows, n_in], the weight [n_in, n_out] (towards the
// weight: the cotangent [rows, n_out]), and the array that is added to, [rows, n_out] or [n_in, n_out], unless it is zero; there
// is no batch, rows are one. Results: that array, and whether nothing was done because there are too many spikes for it to pay.
// Own numbers: Rows.
#include "rows.h"

#include "call.h"
#include "check.h"

namespace brainsim {
namespace {

template <class S, class T>
void run(const Call& call, const T* from, T* out, bool* left) {
  using Numbers = shared::Rows;
  static thread_local Listed<T> spikes, turned;
  const int64_t rows = call.number(Numbers::rows), n_in = call.number(Numbers::n_in), n_out = call.number(Numbers::n_out);
  const S* const s = call.operand(0).at<S>(0);
  *left = denser(s, rows, n_in, call.number(Numbers::part));
  if (*left) return;
  work(Rows<S, T>{s, rows, n_in, n_out, from, out, call.number(Numbers::alone) != 0, &spikes, &turned}, call.number(Numbers::towards) == shared::Role::WEIGHT);
}

ffi::Error rows(const Call& call) {
  using Numbers = shared::Rows;
  Check check(call, Numbers::size);
  const bool alone = check && call.number(Numbers::alone);
  check.arguments(0, alone ? 2 : 3, 2);
  if (!check) return check.error();
  const int64_t rows = call.number(Numbers::rows), n_in = call.number(Numbers::n_in), n_out = call.number(Numbers::n_out);
  const bool towards_weight = call.number(Numbers::towards) == shared::Role::WEIGHT;
  check.that(towards_weight || call.number(Numbers::towards) == shared::Role::POST, "numbers", Numbers::towards, "name no argument");
  check.that(rows >= 0 && n_in >= 0 && n_out >= 0, "numbers", 0, "are negative");
  check.that(call.entries() == 1, "call", 0, "has a batch");
  const ffi::DataType real = check.real(1);
  check.spikes(0, rows * n_in, real);
  check.operand(1, towards_weight ? rows * n_out : n_in * n_out, real);
  const int64_t size = towards_weight ? n_in * n_out : rows * n_out;
  if (alone) check.result(0, size, real);
  else check.in_place(0, 2, size, real);
  check.result(1, 1, ffi::DataType::PRED);
  if (!check) return check.error();
  with_real(real, [&](auto zero) {
    using T = decltype(zero);
    const T* const from = call.operand(1).at<T>(0);
    T* const out = (alone ? call.result(0) : call.in_place(0, 2)).template at<T>(0);
    bool* const left = call.result(1).at<bool>(0);
    with_spikes<T>(call.operand(0).type(), [&](auto spike) { run<decltype(spike)>(call, from, out, left); });
  });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(rows, brainsim::rows);
