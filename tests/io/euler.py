"""Graphs of NIR that are a chain, stepped by Euler: each node's output is the next one's input within a step."""

import numpy as np


def each(n, value):
    return np.full(n, float(value))


def stepped(nodes, x, dt, recurrent=None, subtract=False):
    """Outputs of the last node, (steps, ...)."""
    states, back = {}, {}
    outputs = []
    for value in x:
        for k, node in enumerate(nodes):
            if k in (recurrent or {}):
                value = value + recurrent[k] @ back.get(k, np.zeros(len(value)))
            value = STEP[type(node).__name__](node, value, states.setdefault(k, {}), dt, subtract)
            back[k] = value
        outputs.append(np.ravel(value))
    return np.array(outputs)


def _linear(node, x, *_):
    return node.weight @ x


def _affine(node, x, *_):
    return node.weight @ x + node.bias


def _flatten(node, x, *_):
    return x.ravel()


def _conv(node, x, *_):
    (n_out, n_in, *window), groups = node.weight.shape, node.groups
    x = np.pad(x, [(0, 0), *((p, p) for p in node.padding)])
    sides = [(x.shape[1 + a] - node.dilation[a] * (window[a] - 1) - 1) // node.stride[a] + 1 for a in (0, 1)]
    result = np.zeros((n_out, *sides))
    for o in range(n_out):
        group = o // (n_out // groups)
        for c in range(n_in):
            for i in range(window[0]):
                for j in range(window[1]):
                    rows = i * node.dilation[0] + np.arange(sides[0]) * node.stride[0]
                    columns = j * node.dilation[1] + np.arange(sides[1]) * node.stride[1]
                    result[o] += node.weight[o, c, i, j] * x[group * n_in + c][np.ix_(rows, columns)]
    return result + node.bias[:, None, None]


def _sum_pool(node, x, *_):
    (a, b), (s, t) = node.kernel_size, node.stride
    rows, columns = (x.shape[1] - a) // s + 1, (x.shape[2] - b) // t + 1
    return np.array(
        [[[c[i * s : i * s + a, j * t : j * t + b].sum() for j in range(columns)] for i in range(rows)] for c in x]
    )


def _leaky(node, x, state, dt, subtract):
    v = state.get("v", node.v_leak * np.ones_like(x))
    state["v"] = v + dt / node.tau * (node.v_leak - v + node.r * x)
    return state["v"]


def _lif(node, x, state, dt, subtract):
    return _fired(node, _leaky(node, x, state, dt, subtract), state, subtract)


def _current_based(node, x, state, dt, subtract):
    i, v = state.get("i", np.zeros_like(x)), state.get("v", node.v_leak * np.ones_like(x))
    state["i"] = i + dt / node.tau_syn * (node.w_in * x - i)
    v = v + dt / node.tau_mem * (node.v_leak - v + node.r * state["i"])
    return _fired(node, v, state, subtract)


def _integrate_and_fire(node, x, state, dt, subtract):
    return _fired(node, state.get("v", 0.0) + node.r * x, state, subtract)


def _fired(node, v, state, subtract):
    spikes = v > node.v_threshold
    state["v"] = np.where(spikes, v - node.v_threshold + node.v_reset if subtract else node.v_reset, v)
    return spikes.astype(float)


STEP = {
    "Linear": _linear,
    "Affine": _affine,
    "Flatten": _flatten,
    "Conv2d": _conv,
    "SumPool2d": _sum_pool,
    "LI": _leaky,
    "LIF": _lif,
    "CubaLIF": _current_based,
    "IF": _integrate_and_fire,
}
