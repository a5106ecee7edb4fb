"""The training benchmarks in snnTorch, SpikingJelly and Norse: their neurons, step by step, in one loop of PyTorch.

SpikingJelly's and Norse's feed-forward layers take all steps at once (`step_mode="m"`, `Lift`), which is how they are meant to be
used; a recurrent layer goes step by step.
"""

import importlib

import torch

from ._training import BETA, RATE, SIDES, STRIDES, Task, data, weights

beta = float(BETA)


def load(framework: str) -> None:
    """Import the framework, on one thread."""
    torch.set_num_threads(1)
    importlib.import_module(
        {"snntorch": "snntorch", "spikingjelly": "spikingjelly.activation_based.neuron", "norse": "norse.torch"}[
            framework
        ]
    )


def snntorch_layer():
    import snntorch
    from snntorch import surrogate

    neuron = snntorch.Leaky(beta, reset_mechanism="zero", reset_delay=False, spike_grad=surrogate.fast_sigmoid(slope=1))

    def advance(x, v):
        return neuron(x, torch.zeros_like(x) if v is None else v)

    return advance, None, snntorch.__version__


def spikingjelly_layer():
    import spikingjelly
    from spikingjelly.activation_based import neuron, surrogate

    options = dict(
        tau=1 / (1 - beta),
        decay_input=False,
        v_threshold=1.0,
        v_reset=0.0,
        surrogate_function=surrogate.SuperSpike(1.0),
    )
    one, all_steps = neuron.LIFNode(**options), neuron.LIFNode(**options, step_mode="m")

    def advance(x, v):
        if v is None:
            one.reset()
        return one(x), True

    def over_time(x):
        all_steps.reset()
        return all_steps(x)

    return advance, over_time, getattr(spikingjelly, "__version__", "2")


def norse_layer():
    import norse
    import norse.torch as snn

    inverse = torch.tensor((1 - beta) / 1e-3)
    p = snn.LIFBoxParameters(tau_mem_inv=inverse, method="super")
    cell = snn.LIFBoxCell(p=p)
    lifted = snn.Lift(snn.LIFBoxCell(p=p))

    def advance(x, v):
        return cell(x / (1 - beta), v)

    return advance, lambda x: lifted(x / (1 - beta))[0], norse.__version__


def prepare(task: Task, framework: str):
    """``(gradients, step, version)``."""
    layers = [globals()[f"{framework}_layer"]() for _ in task.sizes[1:-1]]
    spikes, labels = map(torch.as_tensor, data(task))
    w = {k: torch.tensor(x, requires_grad=True) for k, x in weights(task).items()}
    adam = torch.optim.Adam(list(w.values()), RATE)

    def product(x, k):
        if not task.channels:
            return x @ w[str(k)]
        steps, stride = x.shape[0] if x.ndim == 3 else 1, STRIDES[k]
        x = x.reshape(-1, SIDES[k], SIDES[k], task.channels[k]).permute(0, 3, 1, 2)
        x = torch.nn.functional.pad(x, (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1))
        y = torch.nn.functional.conv2d(x, w[str(k)].permute(3, 2, 0, 1), stride=stride).permute(0, 2, 3, 1)
        return y.reshape(*([steps] if steps > 1 else []), task.batch, -1)

    def hidden(k, x):
        advance, over_time, _ = layers[k]
        if over_time is not None and not task.recurrent:
            return over_time(product(x, k))
        v, s, made = None, torch.zeros(task.batch, task.sizes[k + 1]), []
        for now in x @ w[str(k)] if over_time is not None else x:
            driven = now if over_time is not None else product(now, k)
            s, v = advance(driven + s @ w["r"] if task.recurrent else driven, v)
            made.append(s)
        return torch.stack(made)

    def loss():
        x = spikes
        for k in range(len(layers)):
            x = hidden(k, x)
        u, total = 0, 0
        for driven in x @ w[str(len(layers))]:
            u = beta * u + driven
            total = total + u
        return torch.nn.functional.cross_entropy(total / task.steps, labels)

    def backward():
        adam.zero_grad()
        loss().backward()

    def gradients():
        backward()
        return {k: x.grad.numpy().copy() for k, x in w.items()}

    def step():
        backward()
        adam.step()

    return gradients, step, layers[0][2]
