"""Learning without the past: time over the forward pass, and memory from 100 to 10,000 steps, beside backpropagation.

    python benchmarks/online.py
    python benchmarks/online.py --rules d_rtrl,ottt --steps 100,1000,10000 --json

100 inputs at 20 % a step, 100 LIF neurons, 10 leaky readouts, batch 16, float32; the loss is the squared error in each
step. Inputs are drawn within the loop, so that what grows with time is what a rule keeps. Time is CPU time per step of
the batch, the least of three runs, or one of 10,000 steps; memory is what the compiled program takes beside its arguments,
and the peak of the process, one for each rule and number of steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RULES = ("forward", "bptt", "d_rtrl", "e_prop", "pp_prop", "ottt", "otpe", "sltt")


def measure(rule: str, steps: int, batch: int = 16) -> dict:
    """Time and memory of one rule."""
    import brainunit as u
    import jax
    import jax.numpy as jnp

    import brainsim as bs

    dt = 1 * u.ms
    net = bs.Network(seed=0)
    net.inp = bs.sources.SpikeInput(100)
    rest = dict(E_L=0 * u.mV, V=0 * u.mV, V_th=1 * u.mV, V_reset=0 * u.mV)
    net.hid = bs.neurons.LIF(100, surrogate=bs.surrogate.ATan(), **rest)
    net.out = bs.nn.LeakyIntegrator(10)
    for post in (net.hid, net.out):
        post.add_receptors(in_=bs.receptors.Delta())
    for pre, post in ((net.inp, net.hid), (net.hid, net.out)):
        net.connect(pre, post, bs.AllToAll(), receptor="in_", weight=bs.Normal(0.02 * u.mV, 0.1 * u.mV))
    loss = lambda state, target: jnp.sum((state["out.V"] - target) ** 2)
    learn = bs.train.online(net, dt=dt, rule="sltt" if rule in ("forward", "bptt") else rule, loss=loss)
    row = lambda key, k: jax.random.bernoulli(jax.random.fold_in(key, k), 0.2, (100,)).astype(jnp.float32)
    structure, fixed, whole = learn.structure, learn.fixed, learn.all_parameters
    clock = lambda state: bs.Clock(state["steps"], bs._core.step_length(learn.step_ms), fixed["key"])

    def forward(parameters, key):
        def body(state, k):
            inputs = {"inp.input": row(key, k)}
            state = structure.step(whole | parameters, fixed, state, clock(state), inputs)
            return state, loss(state, 1.0)

        return jax.lax.scan(body, learn.state, jnp.arange(steps))[1].sum()

    def online(parameters, key):
        body = lambda carry, k: learn.step(parameters, carry, {"inp.input": row(key, k)}, 1.0)
        carry, values = jax.lax.scan(body, learn.init(parameters), jnp.arange(steps))
        return values.sum(), carry.gradients

    one = {"forward": forward, "bptt": jax.value_and_grad(forward)}.get(rule, online)
    keys = jax.random.split(jax.random.PRNGKey(0), batch)
    program = jax.jit(jax.vmap(one, (None, 0))).lower(learn.parameters, keys).compile()
    seconds = []
    for _ in range(3 if steps < 10_000 else 1):
        began = time.process_time()
        jax.block_until_ready(program(learn.parameters, keys))
        seconds.append(time.process_time() - began)
    return {
        "rule": rule,
        "steps": steps,
        "us_per_step": 1e6 * min(seconds) / steps,
        "temporary_MiB": program.memory_analysis().temp_size_in_bytes / 2**20,
        "peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


def main() -> None:
    """Measure each rule in a process of its own and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", default=",".join(RULES))
    parser.add_argument("--steps", default="100,1000,10000")
    parser.add_argument("--json", action="store_true", help="one line for each rule and number of steps")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], int(args.one[1]))))
        return
    if not args.json:
        print(f"{'rule':10} {'steps':>7} {'us / step':>10} {'temporary MiB':>14} {'peak MiB':>9}")
    for rule in args.rules.split(","):
        for steps in args.steps.split(","):
            line = subprocess.run(
                [sys.executable, __file__, "--one", rule, steps], capture_output=True, text=True, check=True
            )
            found = json.loads(line.stdout.splitlines()[-1])
            if args.json:
                print(json.dumps(found))
            else:
                print(f"{rule:10} {steps:>7} {found['us_per_step']:10.1f} {found['temporary_MiB']:14.2f} {found['peak_MiB']:9.0f}",
                      flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
