"""Learned delays in PyTorch as DCLS has them: a Gaussian round each delay makes the kernel of a convolution over time."""

import torch

from ._training import BETA, RATE, WIDTH, Task, data, weights

beta = float(BETA)


class Spike(torch.autograd.Function):
    """1 where x > 0, with the derivative of SuperSpike."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, slope):
        (x,) = ctx.saved_tensors
        return slope / (1 + x.abs()) ** 2


def load(framework: str) -> None:
    """On one thread."""
    torch.set_num_threads(1)


def prepare(task: Task, framework: str):
    """``(gradients, step, version)``."""
    spikes, labels = map(torch.as_tensor, data(task))
    w = {k: torch.tensor(x, requires_grad=True) for k, x in weights(task).items()}
    adam = torch.optim.Adam(list(w.values()), RATE)
    steps = torch.arange(1, task.longest + 1, dtype=torch.float32)[:, None, None]

    def delayed(x, k):
        g = torch.softmax(-(((steps - w[f"d{k}"]) / WIDTH) ** 2) / 2, 0)
        kernel = (w[str(k)] * g).flip(0).permute(2, 1, 0)
        x = torch.nn.functional.pad(x.permute(1, 2, 0), (task.longest, 0))[..., :-1]
        return torch.nn.functional.conv1d(x, kernel).permute(2, 0, 1)

    def loss():
        x, hidden = spikes, len(task.sizes) - 2
        for k in range(hidden):
            v, made = 0, []
            for driven in delayed(x, k):
                v = beta * v + driven
                s = Spike.apply(v - 1)
                v = (1 - s) * v
                made.append(s)
            x = torch.stack(made)
        u, total = 0, 0
        for driven in delayed(x, hidden):
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

    return gradients, step, torch.__version__
