"""Traces of every synapse, through the whole Jacobian of its neuron: D-RTRL, e-prop, OSTL, SnAp-1."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

from brainsim.train.online.own import Jacobian
from brainsim.train.online.rule import Full, TraceRule
from brainsim.train.online.site import Site


@dataclasses.dataclass(frozen=True)
class DRTRL(TraceRule):
    r"""Diagonal real-time recurrent learning: of the Jacobian of a layer, the block of each neuron with itself.

    .. math:: e_{ij} \leftarrow D_j\,e_{ij} + \partial h_j / \partial w_{ij},\qquad
              dL/dw_{ij} = \sum_t \partial L_t / \partial h_j \cdot e_{ij}

    Equal to backpropagation through time for one layer without recurrence and its readouts, whose memory is part of it.
    Memory: k numbers per synapse.

    References
    ----------
    C. Wang, X. Dong, Z. Ji, J. Jiang, X. Liu, S. Wu, "BrainScale: enabling scalable online learning in spiking neural
    networks", bioRxiv 2024.09.24.614728 (2024).
    """

    name = "d_rtrl"

    def trace(self, site: Site, rest: Callable[[], Jacobian]) -> Full:
        return Full(site, self.autapses)


@dataclasses.dataclass(frozen=True)
class EProp(DRTRL):
    r"""Eligibility propagation: as D-RTRL, and no derivative passes through resets.

    .. math:: dL/dw_{ij} = \sum_t L_j^t\,\bar e_{ij}^t,\qquad L_j^t = \sum_k B_{jk}\,(y_k^t - y_k^{*,t})

    with :math:`\bar e` the trace of the spikes in the readout's own filter. Feedback B is the transpose of the weights
    of the readout (``"symmetric"``), random or adaptive.

    References
    ----------
    G. Bellec, F. Scherr, A. Subramoney, E. Hajek, D. Salaj, R. Legenstein, W. Maass, Nat. Commun. 11:3625 (2020).
    """

    name = "e_prop"
    detached: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class OSTL(DRTRL):
    r"""Online spatio-temporal learning: traces in time within each layer, signals in space between layers.

    .. math:: e \leftarrow D\,e + \partial h / \partial \theta,\qquad dL/d\theta = \sum_t L_t\,e_t

    The learning signal is what reaches a layer through those above by the shortest way, in which their own memory plays
    no part. Equal to backpropagation through time for one layer.

    References
    ----------
    T. Bohnstingl, S. Wozniak, A. Pantazi, E. Eleftheriou, IEEE Trans. Neural Netw. Learn. Syst. 34:8894 (2023).
    """

    name = "ostl"
    memory: ClassVar[bool] = False


@dataclasses.dataclass(frozen=True)
class SnAp1(DRTRL):
    r"""Sparse approximation of real-time recurrent learning, of one step: a parameter has traces where it acts at once.

    .. math:: J' = (D\,J + \partial h' / \partial \theta) \odot P,\qquad P = [\partial h' / \partial \theta \ne 0]

    D-RTRL and a neuron's synapses onto itself.

    References
    ----------
    J. Menick, E. Elsen, U. Evci, S. Osindero, K. Simonyan, A. Graves, ICLR (2021).
    """

    name = "snap1"
    autapses: ClassVar[bool] = True
