"""Features as the package eFEL measures them, to report."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import brainunit as u
import numpy as np

from brainsim._errors import UnknownNameError, suggestion
from brainsim._units import NumberLike, QuantityLike, in_unit, split_quantity


def efel(
    V: NumberLike,
    dt: QuantityLike,
    names: Sequence[str],
    *,
    start: QuantityLike,
    stop: QuantityLike,
    threshold: QuantityLike = -20.0 * u.mV,
    first: QuantityLike | None = None,
) -> dict[str, float]:
    """Features of a trace, measured by eFEL at the samples, of spikes between ``start`` and ``stop``.

    Parameters
    ----------
    V : quantity or array, (n,)
        Potential; plain numbers are in mV.
    dt : quantity, time
        Between samples.
    names : sequence of str
        As eFEL calls them: all that it has, also such as have no smooth form here.
    start, stop : quantity, time
        When the stimulus begins and ends.
    threshold : quantity, voltage
        Of spikes.
    first : quantity, time, optional
        Of the first sample; dt by default, as in what a run records.

    Returns
    -------
    dict of str to float
        In mV, ms and Hz; means over the spikes where there are several values, NaN where there is none.

    Raises
    ------
    ImportError
        Without the package efel.
    UnknownNameError
        For a feature that eFEL does not have.

    References
    ----------
    W. Van Geit et al., eFEL (2015), https://github.com/openbraininstitute/eFEL.
    """
    try:
        import efel as package
    except ImportError as error:
        raise ImportError("features.efel: needs the package efel; pip install 'brainsim[efel]'.") from error

    module: Any = package
    known = module.get_feature_names()
    for name in names:
        if name not in known:
            raise UnknownNameError(f"features.efel: eFEL has no feature {name!r}.{suggestion(name, known)}")
    step = float(in_unit(dt, u.ms, "features.efel: dt"))
    samples = np.asarray(in_unit(V, u.mV, "features.efel: V") if isinstance(V, u.Quantity) else split_quantity(V)[0])
    module.reset()
    module.set_setting("Threshold", float(in_unit(threshold, u.mV, "features.efel: threshold")))
    module.set_setting("interp_step", step)
    module.set_setting("strict_stiminterval", True)
    begin = step if first is None else float(in_unit(first, u.ms, "features.efel: first"))
    trace = {
        "T": begin + step * np.arange(samples.size),
        "V": samples.astype(float),
        "stim_start": [float(in_unit(start, u.ms, "features.efel: start"))],
        "stim_end": [float(in_unit(stop, u.ms, "features.efel: stop"))],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of names that it has under others too
        found: Any = module.get_feature_values([trace], list(names), raise_warnings=False)[0]
    module.reset()
    return {
        name: float("nan") if found[name] is None or not len(found[name]) else float(np.mean(found[name]))
        for name in names
    }
