"""What files to start from say: a class that runs as it is, with the equation that it has."""

HEAD = "import brainunit as u\n{more}\nimport brainsim as bs\n\n\n"
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
    "terminal": '''class {name}(bs.terminals.Terminal):
    r"""Sends a spike in proportion to what is left of the one before.

    .. math:: \\tau \\dot x = -x,\\qquad \\text{{spike: sends }} x,\\quad x \\leftarrow 1
    """

    tau = bs.Parameter(10 * u.ms, "memory of the last spike", positive=True)
    x = bs.State(0.0, "trace of the last spike", tau="tau")

    def update(self, clock, spikes):
        x = self.plain("x") * self.decay(clock, "tau")
        fired = spikes.astype(x.dtype)
        self.put("x", jnp.where(fired > 0, 1.0, x))
        return fired * x


if __name__ == "__main__":
    net = bs.Network()
    net.source = bs.sources.SpikeTimes(1, times=[5, 50, 55, 60] * u.ms, indices=[0] * 4)
    net.cell = bs.neurons.LIF(1)
    net.cell.add_receptors(fast=bs.receptors.Delta())
    net.connect(net.source, net.cell, bs.OneToOne(), receptor="fast", weight=1 * u.mV, terminal={name}())
    print(bs.simulate(net, 70 * u.ms, record="cell.V")["cell.V"][[50, 500, 550, 600], 0])
''',
    "synapse": '''class {name}(bs.synapses.Synapse):
    r"""Every spike uses a part U of the resources of its synapse, which recover.

    .. math:: \\tau \\dot x = 1 - x,\\qquad \\text{{spike: }} g \\leftarrow g + w\\,U x,\\quad x \\leftarrow x - U x
    """

    U = bs.Parameter(0.5, "part used by a spike", shape="n_synapses")
    tau = bs.Parameter(500 * u.ms, "time constant of recovery", positive=True, shape="n_synapses")
    x = bs.State(1.0, "resources", shape="n_synapses")

    def silence(self, p, dt, x):  # dt in ms, p.tau in its unit: all are plain numbers
        return {{"x": 1 - (1 - x) * jnp.exp(-dt / p.tau)}}

    def spike(self, p, x):  # what multiplies the weight, and what is changed
        return p.U * x, {{"x": x - p.U * x}}


if __name__ == "__main__":
    net = bs.Network()
    net.source = bs.sources.SpikeTimes(1, times=[5, 15, 25] * u.ms, indices=[0] * 3)
    net.cell = bs.neurons.LIF(2)
    net.cell.add_receptors(fast=bs.receptors.Delta())
    net.connect(net.source, net.cell, bs.AllToAll(), receptor="fast", weight=1 * u.mV, synapse={name}(U=[0.2, 0.6]))
    bs.simulate(net, 30 * u.ms)
    print(net["source->cell"].synapse.x)
''',
    "channel": '''class {name}(bs.channels.Channel):
    r"""A potassium current that builds up in depolarisation.

    .. math:: I = \\bar g\\, n\\,(E - V),\\qquad \\tau \\dot n = \\sigma\\!\\left(\\frac{{V - V_{{half}}}}{{k}}\\right) - n
    """

    ion = "K"
    E = bs.Parameter(-90 * u.mV, "reversal potential")
    V_half = bs.Parameter(-40 * u.mV, "where half of the gates are open")
    k = bs.Parameter(10 * u.mV, "how gradually they open", positive=True)
    tau = bs.Parameter(100 * u.ms, "time constant", positive=True)
    n = bs.channels.Gate("activation")

    def kinetics(self, V):
        return {{"n": bs.channels.Relaxation(u.math.sigmoid((V - self.V_half) / self.k), self.tau)}}

    def open_fraction(self, n):
        return n


if __name__ == "__main__":
    net, ch = bs.Network(), bs.channels
    own = {name}(g_max=1 * u.mS / u.cm2)
    net.cell = bs.neurons.ConductanceBased(1, channels=dict(na=ch.Na_TraubMiles(), kd=ch.K_TraubMiles(), own=own))
    net.cell.add_stimuli(drive=bs.stimuli.Constant(5 * u.uA / u.cm2))
    rec = bs.simulate(net, 200 * u.ms, dt=0.05 * u.ms, record=["cell.spikes", "cell.own.n"])
    print("intervals:", rec.spikes["cell"].isi())
''',
    "mass": '''class {name}(bs.masses.Mass):
    r"""A rate with saturation.

    .. math:: \\tau \\dot r = -r + \\tanh(I)
    """

    tau = bs.Parameter(10 * u.ms, "time constant", positive=True)
    r = bs.State(0.0, "rate")
    inputs = {{"I": "r"}}

    def derivative(self, t, r, I):
        return (-r + u.math.tanh(I)) / self.tau


if __name__ == "__main__":
    net = bs.Network()
    net.pair = {name}(2, r=[0.1, 0.0])
    net.pair.add_receptors(others=bs.receptors.Graded())
    wiring = bs.AllToAll(self_connections=False)
    net.connect(net.pair, net.pair, wiring, receptor="others", signal="r", weight=2.0)
    print(bs.simulate(net, 200 * u.ms, dt=1 * u.ms, record="pair.r")["pair.r"][-1])
''',
    "modulator": '''class {name}(bs.modulators.LeakyModulator):
    r"""Rises when cells fire, in proportion to how quiet it has been.

    .. math:: \\tau \\dot m = -m,\\qquad \\text{{spike: }} m \\leftarrow m + j\\,\\max(0, 1 - m)
    """

    jump = bs.Parameter(1.0, "what a spike adds to nothing", shape=())

    def __init__(self, cells, **values):
        super().__init__([(cells, "jump")], **values)

    def increment_of(self, weight):
        return self.plain("jump") * jnp.maximum(0.0, 1.0 - self.plain("level"))


if __name__ == "__main__":
    net = bs.Network(seed=0)
    net.source, net.cell = bs.sources.PoissonGroup(20, rate=30 * u.Hz), bs.neurons.LIF(1)
    net.cell.add_receptors(fast=bs.receptors.Delta())
    net.own = {name}(net.source, tau=50 * u.ms)
    rule = bs.plasticity.PairSTDP(A_plus=0.1 * u.mV, A_minus=0.1 * u.mV, w_max=2 * u.mV).modulated(A_plus=net.own)
    net.connect(net.source, net.cell, bs.AllToAll(), receptor="fast", weight=1 * u.mV, plasticity=rule)
    print(bs.simulate(net, 300 * u.ms, record="own.level", sample_every=100 * u.ms)["own.level"])
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
