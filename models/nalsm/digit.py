"""A liquid that has seen handwritten digits, and is shown one.

    brainsim run models/nalsm/digit.py --plot digit.png
    brainsim run models/nalsm/digit.py --arg w_astro=0.002 --arg image=7
    brainsim run models/nalsm/digit.py --arg learning=stdp --arg presentations=500

The digits are those of scikit-learn, 64 pixels. Learning goes on while the digit is shown, annealed as in the second
phase of
:mod:`~models.nalsm.protocol`.

References
----------
V. A. Ivanov, K. P. Michmizos, NeurIPS 34 (2021).
"""

from __future__ import annotations

import brainsim as bs
from models.nalsm import data, network, protocol
from models.nalsm.neuron import DT

__all__ = ["DT", "DURATION", "RECORD", "build"]

DURATION, RECORD = network.DURATION, network.RECORD


def build(seed: int = 0, *, image: int = 0, presentations: int = 2000, **options) -> bs.Network:
    """The liquid after ``presentations`` of 20 ms, its input set to a test image.

    Parameters
    ----------
    seed : int
        Seed of the liquid and of what it was shown.
    image : int
        Number of the test image, 0 to 249.
    presentations : int
        Of training images before; 2,000 take some seconds.
    **options
        Further arguments of :func:`models.nalsm.network.build`.

    Returns
    -------
    Network

    Raises
    ------
    ValueError
        For an image that is not there, or a negative number of presentations.
    """
    images = data.digits()
    if not 0 <= image < len(images.test):
        raise ValueError(f"image: expected 0 to {len(images.test) - 1}, given {image}.")
    if presentations < 0:
        raise ValueError(f"presentations: expected 0 or more, given {presentations}.")
    net = network.build(seed, inputs=images.test.shape[1], **options)
    learned = protocol.first_phase(net, images.train, presentations, seed=seed) if presentations else {}
    protocol.begin_second(net, learned)
    net.pixels.events.p = images.test[image]
    return net
