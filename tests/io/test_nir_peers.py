"""NIR both ways with snnTorch and Norse, on the same inputs: ``pip install snntorch norse nirtorch``."""

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim.io import from_nir, to_nir
from tests.io.test_nir import simulated

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
nir = pytest.importorskip("nir")
torch = pytest.importorskip("torch")
pytest.importorskip("nirtorch")
RNG = np.random.default_rng(0)
X = (RNG.random((100, 30)) < 0.2).astype(float)


class TestSnnTorch:
    """It takes 0.1 ms for the length of a step."""

    snn = property(lambda self: pytest.importorskip("snntorch"))
    dt = 0.1

    @pytest.mark.parametrize("kind", ["Leaky", "Synaptic"])
    def test_it_reads_what_we_write(self, kind):
        from snntorch.import_nir import import_from_nir

        receptor = None if kind == "Leaky" else bs.receptors.Exponential(tau=4 * u.ms)
        first = bs.nn.LIF(tau=2 * u.ms, receptor=receptor)
        gain = 2.0 if receptor is None else 4.0
        parts = [bs.nn.Linear(40, gain=gain), first, bs.nn.Linear(8, gain=4.0), bs.nn.LIF(tau=1 * u.ms)]
        net = bs.nn.Sequential(30, *parts, seed=2)
        ours = simulated(net, X, "output.spikes", later=2, dt=self.dt)
        theirs = import_from_nir(to_nir(net, dt=self.dt * u.ms))
        state, outputs = None, []
        with torch.no_grad():
            for x in torch.tensor(X, dtype=torch.float32):
                y, state = theirs(x[None], state)
                outputs.append((y[0] if isinstance(y, tuple) else y).numpy()[0])
        assert ours.sum() > 20
        assert np.mean(ours != np.array(outputs)) < 2e-3  # potentials within a rounding error of the threshold

    @pytest.mark.parametrize("kind", ["Leaky", "Synaptic", "RLeaky"])
    def test_we_read_what_it_writes(self, kind):
        from snntorch.export_nir import export_to_nir

        torch.manual_seed(1)
        snn = self.snn
        options = {"reset_delay": False, "reset_mechanism": "zero", "init_hidden": True}
        one = {n: {"threshold": torch.ones(n)} | options for n in (40, 8)}
        first = {
            "Leaky": lambda: snn.Leaky(beta=torch.full((40,), 0.9), **one[40]),
            "Synaptic": lambda: snn.Synaptic(alpha=torch.full((40,), 0.7), beta=torch.full((40,), 0.9), **one[40]),
            "RLeaky": lambda: snn.RLeaky(beta=0.9, linear_features=40, **options),
        }[kind]()
        last = snn.Leaky(beta=torch.full((8,), 0.8), output=True, **one[8])
        theirs = torch.nn.Sequential(torch.nn.Linear(30, 40), first, torch.nn.Linear(40, 8, bias=False), last)
        with torch.no_grad():
            for layer in (theirs[0], theirs[2]):
                layer.weight *= 4
            graph = export_to_nir(theirs, torch.zeros(30))
            for layer in (first, last):
                getattr(layer, "reset_mem", lambda: None)()
            spikes = [theirs(x)[0].numpy() for x in torch.tensor(X, dtype=torch.float32)]
        net = from_nir(graph, dt=self.dt * u.ms)
        name = next(name for name, p in net.populations.items() if p.count == 8)
        ours = simulated(net, X, f"{name}.spikes", later=2, dt=self.dt)
        expected = np.array(spikes)
        assert expected.sum() > 20
        assert np.mean(ours != expected) < 2e-3


class TestNorse:
    """It takes 1 ms for the length of a step."""

    def test_it_reads_what_we_write(self):
        norse = pytest.importorskip("norse.torch")
        parts = [
            bs.nn.Linear(40, gain=2.0),
            bs.nn.LIF(tau=9 * u.ms),
            bs.nn.Linear(8, gain=4.0),
            bs.nn.LIF(tau=15 * u.ms),
        ]
        net = bs.nn.Sequential(30, *parts, seed=2)
        ours = simulated(net, X, "output.spikes", later=2)
        theirs, state, outputs = norse.from_nir(to_nir(net, dt=1 * u.ms), dt=1e-3), None, []
        with torch.no_grad():
            for x in torch.tensor(X, dtype=torch.float32):
                y, state = theirs(x[None], state)
                outputs.append(y.numpy()[0])
        assert ours.sum() > 20
        assert np.mean(ours != np.array(outputs)) < 2e-3

    def test_we_read_what_it_writes(self):
        norse = pytest.importorskip("norse.torch")
        torch.manual_seed(1)
        p = [norse.LIFBoxParameters(tau_mem_inv=torch.full((n,), t), v_th=torch.full((n,), 0.2), v_leak=torch.zeros(n))
             for n, t in ((40, 110.0), (8, 70.0))]  # fmt: skip
        layers = [torch.nn.Linear(30, 40), norse.LIFBoxCell(p[0]), torch.nn.Linear(40, 8), norse.LIFBoxCell(p[1])]
        theirs = norse.SequentialState(*layers)
        with torch.no_grad():
            for layer in layers[::2]:
                layer.weight *= 6
            graph = norse.to_nir(theirs, torch.zeros(1, 30))
            state, outputs = None, []
            for x in torch.tensor(X, dtype=torch.float32):
                y, state = theirs(x[None], state)
                outputs.append(y.numpy()[0])
        for node in graph.nodes.values():
            if isinstance(node, nir.LIF):
                node.tau = np.asarray(node.tau) / 1e-3  # Norse 1.1 writes a time constant times dt
        net = from_nir(graph, dt=1 * u.ms)
        name = next(name for name, p in net.populations.items() if p.count == 8)
        ours = simulated(net, X, f"{name}.spikes", later=2)
        assert np.array(outputs).sum() > 20
        assert np.mean(ours != np.array(outputs)) < 2e-3
