"""Embedded pairs: a method with an estimate of its error, for a step-size controller. The stepping is diffrax's."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brainsim.integrators.tableau import ButcherTableau


@dataclass(frozen=True)
class EmbeddedTableau(ButcherTableau):
    """A table with a second row of weights, whose difference from the first estimates the error. Both orders are
    verified.

    Parameters
    ----------
    a, b, c, order
        As for `ButcherTableau`; the solution advances with `b` (local extrapolation).
    b_embedded : tuple of float
        Weights of the solution it is compared with.
    embedded_order : int
        Order of that.
    """

    b_embedded: tuple[float, ...] = ()
    embedded_order: int = 0

    def __post_init__(self):
        super().__post_init__()
        ButcherTableau(self.a, self.b_embedded, self.c, self.embedded_order)

    def solver(self) -> Any:
        """The pair as a solver of diffrax, with cubic Hermite interpolation.

        The solution is taken as one more stage, which is the first of the next step: its slope is what the
        interpolation needs.
        """
        import diffrax
        import numpy as np

        table = diffrax.ButcherTableau(
            a_lower=tuple(np.array(row) for row in (*self.a[1:], self.b)),
            b_sol=np.array([*self.b, 0.0]),
            b_error=np.array([*(high - low for high, low in zip(self.b, self.b_embedded, strict=True)), 0.0]),
            c=np.array([*self.c[1:], 1.0]),
        )
        order = self.order

        class Pair(diffrax.AbstractERK):
            tableau = table
            interpolation_cls = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

            def order(self, terms):
                return order

        return Pair()


@dataclass(frozen=True)
class AdaptiveMethod:
    """A method that chooses its own steps, for `integrate_adaptive` and `integrate`.

    Parameters
    ----------
    name : str
        What it is called by.
    order, embedded_order : int
        Orders of the solution that advances, and of the one that it is compared with.
    source : str or EmbeddedTableau
        The solver of diffrax, or a table.
    """

    name: str
    order: int
    embedded_order: int
    source: str | EmbeddedTableau

    def __repr__(self) -> str:
        return f"<{self.name}, adaptive of order {self.order}({self.embedded_order})>"

    def solver(self) -> Any:
        """The solver of diffrax."""
        return _solver(self)


@functools.cache
def _solver(method: AdaptiveMethod):
    import diffrax

    make: Callable = (
        method.source.solver if isinstance(method.source, EmbeddedTableau) else getattr(diffrax, method.source)
    )
    return make()


def _pair(name: str, **table) -> AdaptiveMethod:
    table = EmbeddedTableau(**table)
    return AdaptiveMethod(name, table.order, table.embedded_order, table)


HeunEuler = AdaptiveMethod("heun_euler", 2, 1, "Heun")
"""Heun's method with Euler's as estimate, 2(1)."""

BogackiShampine = AdaptiveMethod("bogacki_shampine", 3, 2, "Bosh3")
"""Bogacki & Shampine (1989), Appl. Math. Lett. 2:321, 3(2)."""

RKF45 = _pair(
    "rkf45",
    a=(
        (),
        (1 / 4,),
        (3 / 32, 9 / 32),
        (1932 / 2197, -7200 / 2197, 7296 / 2197),
        (439 / 216, -8.0, 3680 / 513, -845 / 4104),
        (-8 / 27, 2.0, -3544 / 2565, 1859 / 4104, -11 / 40),
    ),
    b=(16 / 135, 0.0, 6656 / 12825, 28561 / 56430, -9 / 50, 2 / 55),
    c=(0.0, 1 / 4, 3 / 8, 12 / 13, 1.0, 1 / 2),
    order=5,
    b_embedded=(25 / 216, 0.0, 1408 / 2565, 2197 / 4104, -1 / 5, 0.0),
    embedded_order=4,
)
"""Fehlberg (1969), NASA Technical Report 315, 5(4); the solution of order 5 advances."""

CashKarp = _pair(
    "cash_karp",
    a=(
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (3 / 10, -9 / 10, 6 / 5),
        (-11 / 54, 5 / 2, -70 / 27, 35 / 27),
        (1631 / 55296, 175 / 512, 575 / 13824, 44275 / 110592, 253 / 4096),
    ),
    b=(37 / 378, 0.0, 250 / 621, 125 / 594, 0.0, 512 / 1771),
    c=(0.0, 1 / 5, 3 / 10, 3 / 5, 1.0, 7 / 8),
    order=5,
    b_embedded=(2825 / 27648, 0.0, 18575 / 48384, 13525 / 55296, 277 / 14336, 1 / 4),
    embedded_order=4,
)
"""Cash & Karp (1990), ACM Trans. Math. Softw. 16:201, 5(4)."""

DormandPrince = AdaptiveMethod("dormand_prince", 5, 4, "Dopri5")
"""Dormand & Prince (1980), J. Comput. Appl. Math. 6:19, 5(4)."""

Tsit5 = AdaptiveMethod("tsit5", 5, 4, "Tsit5")
"""Tsitouras (2011), Comput. Math. Appl. 62:770, 5(4)."""

DormandPrince8 = AdaptiveMethod("dormand_prince8", 8, 7, "Dopri8")
"""Prince & Dormand (1981), J. Comput. Appl. Math. 7:67, 8(7)."""

Kvaerno5 = AdaptiveMethod("kvaerno5", 5, 4, "Kvaerno5")
"""Kværnø (2004), BIT 44:489, 5(4): implicit and L-stable, for stiff systems."""

ADAPTIVE: dict[str, AdaptiveMethod] = {
    method.name: method
    for method in (HeunEuler, BogackiShampine, RKF45, CashKarp, DormandPrince, Tsit5, DormandPrince8, Kvaerno5)
}
ADAPTIVE_ALIASES = {
    "dopri5": "dormand_prince",
    "rkdp": "dormand_prince",
    "dopri8": "dormand_prince8",
    "bosh3": "bogacki_shampine",
    "bs": "bogacki_shampine",
    "rk23": "bogacki_shampine",
    "ck": "cash_karp",
    "fehlberg": "rkf45",
    "rk45": "dormand_prince",
}
