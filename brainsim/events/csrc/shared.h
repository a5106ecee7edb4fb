// Written by setup.py from events/_shared.py: codes, and the places of the numbers that a handler is told.
#ifndef BRAINSIM_SHARED_H_
#define BRAINSIM_SHARED_H_

#include <cstdint>

namespace brainsim::shared {

struct Layout { enum : int64_t { CSR = 0, FIXED_FAN_OUT = 1, ONE_TO_ONE = 2, DENSE = 3, CSR_16 = 4, FIXED_FAN_OUT_16 = 5 }; };
struct Role { enum : int64_t { PRE = 0, WEIGHT = 1, POST = 2 }; };
struct Rule { enum : int64_t { FIXED_PROBABILITY = 0, FIXED_OUT_DEGREE = 1, OUT_DEGREES = 2 }; };
struct Purpose { enum : int64_t { POISSON = 0, THINNING = 1, BERNOULLI = 2, TARGETS = 16, WEIGHTS = 17, NORMALS = 18 }; };
struct Quantile { enum : int64_t { TAILS = 2, OCTAVES = 32, SEGMENTS = 32 }; };
struct Block { enum : int64_t { STEPS = 8 }; };
struct Step { enum : int64_t { COPY = 0, ADD = 1, SUB = 2, MUL = 3, DIV = 4, MAX = 5, MIN = 6, NEG = 7, ABS = 8, SQRT = 9, EXP = 10, FLOOR = 11, CEIL = 12, SIGN = 13, IS_FINITE = 14, GT = 15, GE = 16, LT = 17, LE = 18, EQ = 19, NE = 20, SELECT = 21, TO_REAL = 22, TO_WHOLE = 23, ADD_WHOLE = 24, SUB_WHOLE = 25, MUL_WHOLE = 26, MAX_WHOLE = 27, MIN_WHOLE = 28, GT_WHOLE = 29, GE_WHOLE = 30, LT_WHOLE = 31, LE_WHOLE = 32, EQ_WHOLE = 33, NE_WHOLE = 34, AND = 35, OR = 36, XOR = 37, LOG = 38, LOG1P = 39, EXPM1 = 40, TANH = 41, SIN = 42, COS = 43, POW = 44 }; };
struct Connectivity { enum : int64_t { layout, n_pre, n_post, fan_out, size }; };
struct Contract { enum : int64_t { towards, depth, size }; };
struct Rows { enum : int64_t { towards, rows, n_in, n_out, part, alone, size }; };
struct Convolution { enum : int64_t { towards, images, channels, features, groups, part, alone, axes, size }; };
struct Axis { enum : int64_t { into, out, window, stride, dilation, pad, size }; };
struct Recurrence { enum : int64_t { steps, elements, backwards, examples, fixed, carried, size }; };
struct Procedural { enum : int64_t { rule, parameter, n_pre, n_post, pre_begin, pre_end, post_begin, post_end, loops, most, weighted, exponent, towards, size }; };
struct Ring { enum : int64_t { depth, size }; };
struct Line { enum : int64_t { depth, n, size }; };
struct Calendar { enum : int64_t { depth, words, size }; };
struct Take { enum : int64_t { room, of_synapses, of_targets, listed, size }; };
struct Put { enum : int64_t { room, n_post, n_synapses, arrays, size }; };
struct OnPre { enum : int64_t { law, size }; };
struct OnPost { enum : int64_t { n_pre, n_post, n_synapses, law, slots, size }; };
struct OnDue { enum : int64_t { law, slots, listed, size }; };
struct DueNow { enum : int64_t { listed, size }; };
struct Append { enum : int64_t { populations, size }; };
struct Together { enum : int64_t { sources, deliveries, targets, ahead, size }; };
struct Delivery { enum : int64_t { first, source, target, source_at, source_rest, target_at, target_rest, ahead, size }; };
struct Recorded { enum : int64_t { source, at, rest, size }; };
struct Tree { enum : int64_t { nodes, compartments, cells, s_cells, r_rows, x_rows, moving, places, size }; };

}  // namespace brainsim::shared

#endif  // BRAINSIM_SHARED_H_
