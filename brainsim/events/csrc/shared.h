// Written by setup.py from events/_shared.py: codes, and the places of the numbers that a handler is told.
#ifndef BRAINSIM_SHARED_H_
#define BRAINSIM_SHARED_H_

#include <cstdint>

namespace brainsim::shared {

struct Layout { enum : int64_t { CSR = 0, FIXED_FAN_OUT = 1, ONE_TO_ONE = 2, DENSE = 3, CSR_16 = 4, FIXED_FAN_OUT_16 = 5 }; };
struct Role { enum : int64_t { PRE = 0, WEIGHT = 1, POST = 2 }; };
struct Rule { enum : int64_t { FIXED_PROBABILITY = 0, FIXED_OUT_DEGREE = 1 }; };
struct Purpose { enum : int64_t { POISSON = 0, THINNING = 1, BERNOULLI = 2, TARGETS = 16, WEIGHTS = 17 }; };
struct Quantile { enum : int64_t { TAILS = 2, OCTAVES = 32, SEGMENTS = 32 }; };
struct Connectivity { enum : int64_t { layout, n_pre, n_post, fan_out, size }; };
struct Contract { enum : int64_t { towards, depth, size }; };
struct Rows { enum : int64_t { towards, rows, n_in, n_out, part, size }; };
struct Procedural { enum : int64_t { rule, parameter, n_pre, n_post, pre_begin, pre_end, post_begin, post_end, loops, weighted, exponent, towards, size }; };
struct Ring { enum : int64_t { depth, size }; };
struct Line { enum : int64_t { depth, n, size }; };
struct OnPre { enum : int64_t { law, size }; };
struct OnPost { enum : int64_t { n_pre, n_post, n_synapses, law, size }; };
struct Append { enum : int64_t { populations, size }; };
struct Together { enum : int64_t { sources, deliveries, targets, size }; };
struct Delivery { enum : int64_t { first, source, target, source_at, source_rest, target_at, target_rest, size }; };
struct Recorded { enum : int64_t { source, at, rest, size }; };

}  // namespace brainsim::shared

#endif  // BRAINSIM_SHARED_H_
