"""The lowering of each operation that has kernels for GPUs."""

from __future__ import annotations

import functools
from collections.abc import Callable

from brainsim.events.cuda import deliver, plasticity, procedural, random, record, together, toolkit
from brainsim.events.cuda.call import Call, NotServed

# What plans the launches of a call and gives their program
PLANS: dict[str, Callable[[Call], str]] = {
    "contract": deliver.contract,
    "deliver_together": together.deliver_together,
    "deliver_delayed": deliver.deliver_delayed,
    "deliver_sorted": deliver.deliver_sorted,
    "sorted_gradient": deliver.sorted_gradient,
    "pass_on": deliver.pass_on,
    "deliver_due": deliver.deliver_due,
    "add_on_pre": plasticity.add_on_pre,
    "add_on_post": plasticity.add_on_post,
    "add_on_due": plasticity.add_on_due,
    "procedural": procedural.procedural,
    "delay_line": random.delay_line,
    "poisson_counts": random.poisson_counts,
    "poisson_input": random.poisson_input,
    "poisson_inputs": random.poisson_inputs,
    "bernoulli_spikes": random.bernoulli_spikes,
    "append_events": record.append_events,
}


def lowering(name: str) -> Callable | None:
    """What launches the kernels of an operation on a GPU; None where there are none."""
    return functools.partial(_lower, name) if name in PLANS else None


def emulated(name: str) -> Callable | None:
    """What runs them on the CPU, with a driver and a compiler that :func:`toolkit.opened` was given."""
    return functools.partial(_call, name, toolkit.HERE) if name in PLANS else None


def _lower(name: str, context, *arguments, numbers, aliases):
    return (
        _call(name, toolkit.TARGET, context, *arguments, numbers=numbers, aliases=aliases)
        if toolkit.available()
        else None
    )


def _call(name: str, target: str, context, *arguments, numbers, aliases):
    try:
        call = Call(context.avals_in, context.avals_out, numbers, aliases)
        program = PLANS[name](call)
    except NotServed:
        return None
    if target == toolkit.TARGET:
        toolkit.prepare(program, " ".join(call.kernels))
    return call.lower(context, arguments, target, program)
