"""``brainsim new``: a file to start from."""

from __future__ import annotations

import argparse
import keyword
from pathlib import Path

from brainsim._errors import suggestion
from brainsim.cli import UsageError

HEAD = "import brainunit as u\n\nimport brainsim as bs\n\n\n"
TEMPLATES = {
    "neuron": '''class {name}(bs.neurons.Neuron):
    r"""Leaky integrate-and-fire neuron with an adaptation current.

    .. math:: \\tau \\dot V = E_L - V + R (I - a),\\qquad \\tau_a \\dot a = -a
    .. math:: V > V_{{th}} \\Rightarrow V \\leftarrow V_{{reset}},\\quad a \\leftarrow a + b
    """

    tau = bs.Parameter(20 * u.ms, "membrane time constant", positive=True)
    tau_a = bs.Parameter(200 * u.ms, "time constant of adaptation", positive=True)
    R = bs.Parameter(100 * u.Mohm, "membrane resistance", positive=True)
    E_L = bs.Parameter(-60 * u.mV, "leak reversal potential")
    V_th = bs.Parameter(-50 * u.mV, "spike threshold")
    V_reset = bs.Parameter(-60 * u.mV, "potential after a spike")
    b = bs.Parameter(20 * u.pA, "what a spike adds to a")
    V = bs.State(-60 * u.mV, "membrane potential")
    a = bs.State(0 * u.pA, "adaptation current")

    def derivative(self, t, V, a, I):
        return (self.E_L - V + self.R * (I - a)) / self.tau, -a / self.tau_a

    def after_spike(self, y):
        return {{"V": self.V_reset, "a": y["a"] + self.b}}


if __name__ == "__main__":
    net = bs.Network()
    net.cell = {name}(1)
    net.cell.add_stimuli(drive=bs.stimuli.Constant(200 * u.pA))
    print(bs.simulate(net, 200 * u.ms, record="cell.spikes").spikes["cell"].times)
''',
    "receptor": '''class {name}(bs.receptors.LinearReceptor):
    r"""Two stages with one time constant.

    .. math:: \\tau \\dot a = -a,\\qquad \\tau \\dot g = a - g,\\qquad a \\leftarrow a + w
    """

    port = "a"
    tau = bs.Parameter(2 * u.ms, "time constant of each stage", positive=True)
    a = bs.State(0.0, "what spikes are added to", unit="g_unit")
    g = bs.State(0.0, "conductance, or current", unit="g_unit")

    def derivative(self, a, g):
        tau = self.plain("tau")
        return -a / tau, (a - g) / tau


if __name__ == "__main__":
    net = bs.Network()
    net.source = bs.sources.SpikeTimes(1, times=[1] * u.ms, indices=[0])
    net.cell = bs.neurons.LIF(1)
    net.cell.add_receptors(syn={name}(reversal=0 * u.mV))
    net.connect(net.source, net.cell, bs.OneToOne(), receptor="syn", weight=1 * u.nS)
    print(bs.simulate(net, 10 * u.ms, record="cell.syn.g", sample_every=1 * u.ms)["cell.syn.g"])
''',
    "stimulus": '''class {name}(bs.stimuli.Stimulus):
    """A sine whose amplitude grows."""

    growth = bs.Parameter(1.0 * u.pA / u.ms, "growth of the amplitude")
    frequency = bs.Parameter(10.0 * u.Hz, "frequency", exact=True)

    def value(self, clock):
        turns = clock.phase(self.exact("frequency"))
        return self.growth * clock.t * u.math.sin(2 * u.math.pi * turns)


if __name__ == "__main__":
    net = bs.Network()
    net.cell = bs.neurons.LIF(1, R=100 * u.Mohm)
    net.cell.add_stimuli(drive={name}())
    print(bs.simulate(net, 200 * u.ms, record="cell.V", sample_every=20 * u.ms)["cell.V"])
''',
    "plasticity": '''class {name}(bs.plasticity.Plasticity):
    """Presynaptic spikes raise a weight while the cell is quiet, postsynaptic spikes lower it in proportion."""

    up = bs.Parameter(0.0, "change on a presynaptic spike", unit="weight_unit")
    down = bs.Parameter(0.0, "relative change on a postsynaptic spike")
    tau = bs.Parameter(50 * u.ms, "memory of postsynaptic spikes", positive=True)
    y = bs.plasticity.Trace("tau", "postsynaptic trace", side="post")

    def update(self, s):
        s.on_pre(s.up * (1.0 - s.y))
        s.on_post(-s.down * s.w)


if __name__ == "__main__":
    net = bs.Network()
    net.source = bs.sources.PoissonGroup(50, rate=50 * u.Hz)
    net.cell = bs.neurons.LIF(1)
    net.cell.add_receptors(fast=bs.receptors.Delta())
    rule = {name}(up=0.01 * u.mV, down=0.05, w_min=0 * u.mV, w_max=5 * u.mV)
    net.connect(net.source, net.cell, bs.AllToAll(), receptor="fast", weight=0.1 * u.mV, plasticity=rule)
    bs.simulate(net, 1 * u.second)
    print(net["source->cell"].weight.mean())
''',
    "model": '''RECORD = ["E.spikes"]
DURATION = 500 * u.ms


def build(seed=0, n=100):
    """{name}: leaky cells under noise that inhibit each other."""
    net = bs.Network(seed=seed)
    net.E = bs.neurons.LIF(n, R=100 * u.Mohm, refractory=2 * u.ms, V=bs.Uniform(-60 * u.mV, -50 * u.mV))
    net.E.add_receptors(gaba=bs.receptors.Exponential(tau=10 * u.ms, reversal=-80 * u.mV))
    net.E.add_stimuli(noise=bs.stimuli.OrnsteinUhlenbeck(150 * u.pA, 50 * u.pA, 5 * u.ms))
    net.connect(net.E, net.E, bs.FixedProbability(0.1), receptor="gaba", weight=1 * u.nS, delay=1 * u.ms)
    return net
''',
}  # fmt: skip


def template(kind: str, name: str) -> str:
    """The text of a file to start from.

    Parameters
    ----------
    kind : str
        ``"neuron"``, ``"receptor"``, ``"stimulus"``, ``"plasticity"`` or ``"model"``.
    name : str
        Of the class, or of the model.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        For another kind, or what cannot be a name.
    """
    if kind not in TEMPLATES:
        raise UsageError(f"brainsim new: there is no template of {kind!r}.{suggestion(kind, TEMPLATES)}")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"brainsim new: {name!r} cannot be a name; use letters, digits and underscores.")
    return HEAD + TEMPLATES[kind].format(name=name)


def new(options: argparse.Namespace) -> int:
    """Write a template."""
    text = template(options.kind, options.name)
    if options.out is None:
        print(text, end="")
        return 0
    path = Path(options.out)
    if path.exists():
        raise UsageError(f"brainsim new: {path} is there already; give another --out.")
    path.write_text(text, encoding="utf-8")
    return 0
