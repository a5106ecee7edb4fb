// Handler of the solver over forests of compartments. Shared arrays: the plan [5, nodes] (see tree.h), the rows of the plain
// definition and the parents as they were given, which are not read. Operands: couplings, one for each node (and cell),
// conductances to ground of the compartments, the right-hand side, and the potentials, which may be missing. Result: the
// increments. Own numbers: Tree. Cells of one structure and batch entries are lanes; they are worked off in blocks.
#include "tree.h"

#include "call.h"
#include "check.h"

namespace brainsim {
namespace {

using Numbers = shared::Tree;

struct Sizes {
  int64_t nodes, compartments, cells, r_rows, x_rows, s_cells;
  bool moving;
};

template <class T>
T* room_of(int64_t count) {
  static thread_local std::vector<T> room;
  if (static_cast<int64_t>(room.size()) < count) room.resize(count);
  return room.data();
}

// Which cell of which entry lanes are. Within: all of one entry, of which the first says where the others are.
template <int K>
struct Places {
  int64_t entry[K], cell[K];
  bool within;

  Places(int64_t first, int64_t last, int64_t cells) {  // lanes behind the last are the last one again
    entry[0] = first / cells, cell[0] = first % cells;
    within = cells > 1 && first + K - 1 <= last && cell[0] + K <= cells;
    for (int c = 1; c < K && !within; ++c) {
      const bool next = first + c <= last, over = next && cell[c - 1] + 1 == cells;
      entry[c] = entry[c - 1] + (over ? 1 : 0);
      cell[c] = over ? 0 : cell[c - 1] + (next ? 1 : 0);
    }
  }
};

template <class T, int K>
Lanes<T, K> lanes(const Operand& from, int64_t own, const Places<K>& at) {
  Lanes<T, K> to;
  to.stride = own, to.together = at.within && own > 1, to.same = own == 1;
  to.base[0] = from.at<T>(at.entry[0]) + (own > 1 ? at.cell[0] : 0);
  for (int c = 1; c < K && !at.within; ++c) {
    const bool here = at.entry[c] == at.entry[c - 1];
    to.base[c] = here ? to.base[c - 1] + (own > 1 ? at.cell[c] - at.cell[c - 1] : 0) : from.at<T>(at.entry[c]) + (own > 1 ? at.cell[c] : 0);
    to.same = to.same && to.base[c] == to.base[0];
  }
  return to;
}

// Lanes [first, first + K) of all cells of all entries, or as many as there are.
template <class T, int K>
void block(const Call& call, const Forest& forest, const Sizes& is, int64_t first, T* room) {
  const int64_t last = call.entries() * is.cells - 1;
  const Places<K> at(first, last, is.cells);
  const auto of = [&](const Operand& operand, int64_t own) { return lanes<T, K>(operand, own, at); };
  ManyCells<T, K> given;
  given.s = of(call.operand(0), is.s_cells), given.e = of(call.operand(1), is.cells), given.r = of(call.operand(2), is.cells);
  given.v = is.moving ? of(call.operand(3), is.cells) : given.e;
  given.x = of(call.result(0), is.cells);
  given.moving = is.moving, given.r_rows = is.r_rows, given.x_rows = is.x_rows;
  given.count = static_cast<int>(std::min<int64_t>(K, last + 1 - first));
  solve_tree(forest, given, room);
}

template <class T>
void run(const Call& call, const Forest& forest, const Sizes& is) {
  constexpr int kWide = 32, kNarrow = 8;
  constexpr int64_t kCache = 1 << 20;
  const int64_t count = call.entries() * is.cells;
  T* const room = room_of<T>(4 * forest.nodes * (count == 1 ? 1 : kWide));
  if (count == 1) {
    const T* const v = is.moving ? call.operand(3).at<T>(0) : nullptr;
    const OneForest<T> given{call.operand(0).at<T>(0), call.operand(1).at<T>(0), call.operand(2).at<T>(0), v,
                             call.result(0).at<T>(0), is.r_rows, is.x_rows};
    return solve_tree(forest, given, room);
  }
  int64_t first = 0;
  const bool wide = 2 * forest.nodes * kWide * static_cast<int64_t>(sizeof(T)) <= kCache;
  for (; wide && first + kWide - kNarrow < count; first += kWide) block<T, kWide>(call, forest, is, first, room);
  for (; first < count; first += kNarrow) block<T, kNarrow>(call, forest, is, first, room);
}

ffi::Error tree(const Call& call) {
  Check check(call, Numbers::size);
  if (!check) return check.error();
  const bool moving = call.number(Numbers::moving) != 0;
  check.arguments(3, moving ? 4 : 3, 1);
  if (!check) return check.error();
  const int64_t nodes = call.number(Numbers::nodes), compartments = call.number(Numbers::compartments);
  const int64_t cells = call.number(Numbers::cells), s_cells = call.number(Numbers::s_cells);
  const int64_t r_rows = call.number(Numbers::r_rows), x_rows = call.number(Numbers::x_rows);
  check.that(compartments >= 0 && compartments <= nodes && cells >= 0, "numbers", 0, "do not fit");
  check.that(call.number(Numbers::places) >= 0, "numbers", Numbers::places, "are negative");
  check.that(s_cells == 1 || s_cells == cells, "numbers", Numbers::s_cells, "are one or those of the cells");
  check.that(r_rows == nodes || r_rows == compartments, "numbers", Numbers::r_rows, "are the nodes or the compartments");
  check.that(x_rows == nodes || x_rows == compartments, "numbers", Numbers::x_rows, "are the nodes or the compartments");
  check.shared(0, 5 * nodes, ffi::DataType::S32);
  check.shared(1, call.number(Numbers::places), ffi::DataType::S32);
  check.shared(2, nodes, ffi::DataType::S32);
  const ffi::DataType real = check.real(1);
  check.operand(0, nodes * s_cells, real);
  check.operand(1, compartments * cells, real);
  check.operand(2, r_rows * cells, real);
  if (moving) check.operand(3, compartments * cells, real);
  check.result(0, x_rows * cells, real);
  if (!check || nodes == 0 || cells == 0) return check.error();
  const int32_t* const plan = call.shared<int32_t>(0);
  const Forest forest{nodes, compartments, plan, plan + nodes, plan + 2 * nodes, plan + 3 * nodes, plan + 4 * nodes};
  const Sizes is{nodes, compartments, cells, r_rows, x_rows, s_cells, moving};
  with_real(real, [&](auto zero) { run<decltype(zero)>(call, forest, is); });
  return check.error();
}

}  // namespace
}  // namespace brainsim

BRAINSIM_HANDLER(tree, brainsim::tree);
