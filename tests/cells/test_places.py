"""Values by place: numbers per compartment by region and by function, and what is refused."""

import brainunit as u
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainsim._errors import UnitError, UnknownNameError
from brainsim.cells import (
    Compartments,
    at,
    by_region,
    centres,
    discretise,
    distance,
    of,
    of_diameter,
    of_distance,
    of_type,
    rows_of,
    values_on,
)
from tests.cells.shapes import cable, forked

CELL = discretise(forked(), [1, 3, 2, 1, 2])
OHM_CM = u.ohm * u.cm
DENSITY = u.siemens / u.cm**2


def test_values_by_region():
    given = by_region({"soma": 100 * OHM_CM, "dend": 2 * u.ohm * u.meter}, default=70 * OHM_CM)
    np.testing.assert_allclose(given.on(CELL).to_decimal(OHM_CM), [100] + 6 * [200] + 2 * [70])
    assert given.on(CELL).mantissa.dtype == np.float64
    near = of_type("dend") & distance(0 * u.um, 110 * u.um)
    plain = by_region({near: 1.5, of_type("dend") - near: 2.5, "soma": 0.0, "axon": 3})
    np.testing.assert_array_equal(plain.on(CELL), [0, 1.5, 1.5, 1.5, 2.5, 2.5, 2.5, 3, 3])


def test_values_as_functions_of_place():
    given = of_distance(lambda d: 0.1 * DENSITY * u.math.exp(-d / (100 * u.um)))
    np.testing.assert_allclose(given.on(CELL).to_decimal(DENSITY), 0.1 * np.exp(-CELL.distance / 100), rtol=1e-12)
    from_soma = of_distance(lambda d: d, origin=at("soma", 0.5)).on(CELL)
    np.testing.assert_allclose(from_soma.to_decimal(u.um)[[0, 1, 7]], [0, CELL.distance[1] - 10, 12.5])
    np.testing.assert_allclose(of_diameter(lambda d: 1 / d).on(CELL).to_decimal(u.um**-1), 1 / CELL.diameter)
    np.testing.assert_array_equal(of("order", lambda k: 2.0 * k).on(CELL), 2.0 * CELL.order)
    np.testing.assert_allclose(of("xyz", lambda r: r[:, 0]).on(CELL).to_decimal(u.um), CELL.xyz[:, 0])
    np.testing.assert_array_equal(of("x", lambda x: 3.0).on(CELL), np.full(9, 3.0))


def test_functions_are_asked_only_where_they_hold():
    # 1 / (distance - 10 um) has a pole at the soma's centre.
    given = by_region({"soma": 0 / u.um, ~of_type("soma"): of_distance(lambda d: 1 / (d - 10 * u.um))})
    np.testing.assert_allclose(given.on(CELL).to_decimal(u.um**-1)[1:], 1 / (CELL.distance[1:] - 10))


def test_some_compartments_only_need_values_there():
    given = by_region({"axon": 3.0 * u.mV, "dend": of_diameter(lambda d: d / u.um * u.mV)})
    np.testing.assert_allclose(given.at(CELL, np.array([8, 4, 4, 1])).to_decimal(u.mV), [3, *CELL.diameter[[4, 4, 1]]])


def test_values_of_jax_are_differentiable():
    def total(g):
        values = by_region({"soma": g[0] * DENSITY, "axon": g[1] * DENSITY}, default=of_distance(lambda d: g[2] * d))
        return values.on(CELL).to_decimal(DENSITY)

    g = jnp.array([1.0, 2.0, 3.0])
    with pytest.raises(UnitError, match="default"):
        total(g)

    def weighted(g):
        slope = of_distance(lambda d: g[2] * DENSITY * (d / u.um))
        return (by_region({"soma": g[0] * DENSITY, "axon": g[1] * DENSITY}, default=slope).on(CELL) / DENSITY).sum()

    np.testing.assert_allclose(jax.grad(weighted)(g), [1, 2, CELL.distance[1:7].sum()], rtol=1e-6)


def test_on_joined_cells():
    c = Compartments.join([CELL, discretise(cable(), 2)])
    values = by_region({"soma": 1.0, "dend": 2.0}, default=3.0).on(c)
    np.testing.assert_array_equal(values, [1] + 6 * [2] + 2 * [3] + 2 * [2])


def test_rows_and_values_as_they_are_given():
    assert rows_of(CELL, "axon", at("dend[0]", 0.5), centres("axon"), [0, 2]).tolist() == [0, 2, 7, 8]
    assert rows_of(CELL, "dend(0.5)").tolist() == rows_of(CELL, at("dend", 0.5)).tolist()
    assert (("dend" - distance(200 * u.um)) & "dend[0](0.5)").indices(CELL).tolist() == at("dend[0]", 0.5).indices(
        CELL
    ).tolist()
    with pytest.raises(UnknownNameError, match="'dent': .*Did you mean 'dend'"):
        rows_of(CELL, "dent(0.5)")
    with pytest.raises(ValueError, match="on branch 'dend' is a fraction of its length from 0 to 1, given 1.5"):
        rows_of(CELL, "dend(1.5)")
    with pytest.raises(TypeError, match=r"given 0.5; a place on a branch is at\('dend', 0.5\)"):
        rows_of(CELL, "dend", 0.5)
    with pytest.raises(ValueError, match="clamp: there is no compartment 12"):
        rows_of(CELL, "axon", [12], what="clamp")
    assert values_on(3 * u.mV, CELL, "V") == 3 * u.mV
    np.testing.assert_array_equal(values_on(np.arange(9.0) * u.mV, CELL, "V").mantissa, np.arange(9))
    with pytest.raises(ValueError, match=r"V: one value or one for each of 9 compartments, given shape \(4,\)"):
        values_on(np.arange(4.0) * u.mV, CELL, "V")
    with pytest.raises(TypeError, match="V: a function .* inside of_distance"):
        values_on(lambda d: d, CELL, "V")
    with pytest.raises(TypeError, match="V: a mapping"):
        values_on({"soma": 1 * u.mV}, CELL, "V")


def test_bad_values_are_refused_by_name():
    with pytest.raises(ValueError, match=r"'dend' and distance\(100 um\) overlap, at dend\[0\]\(0\.833\)"):
        by_region({"dend": 1.0, "soma": 1.0, distance(100 * u.um): 2.0}, default=0.0).on(CELL)
    with pytest.raises(ValueError, match=r"no value for axon\(0\.25\), axon\(0\.75\); the regions are 'soma', 'dend'"):
        by_region({"soma": 1.0, "dend": 2.0}).on(CELL)
    with pytest.raises(UnknownNameError, match="Did you mean 'dend'"):
        by_region({"dent": 1.0}, default=2.0).on(CELL)
    with pytest.raises(UnitError, match="by_region, 'axon'"):
        by_region({"soma": 1 * u.mV, "axon": 1 * u.ms}, default=1 * u.mV).on(CELL)
    with pytest.raises(ValueError, match=r"of_distance\(<lambda>\): gives inf at soma\(0\.5\)"):
        of_distance(lambda d: np.where(d / u.um < 15, np.inf, 1.0)).on(CELL)
    with pytest.raises(ValueError, match="shape"):
        of_distance(lambda d: np.ones(3)).on(CELL)
    with pytest.raises(UnknownNameError, match="Did you mean 'diameter'"):
        of("diametre", lambda d: d)
    trees = Compartments.join([CELL, discretise(cable(), 2)])
    with pytest.raises(ValueError, match=r"no path leads from at\('soma', 0\.5\) to cell 1, dend\[0\]\(0\.25\)"):
        of_distance(lambda d: d, origin=at("soma", 0.5)).on(trees)


def test_they_read_like_what_was_written():
    given = by_region({"soma": 1 * u.mV, of_type("dend"): of_diameter(np.sqrt)}, default=0 * u.mV)
    assert repr(given) == "by_region({'soma': 1 mV, of_type('dend'): of_diameter(sqrt)}, default=0 mV)"
