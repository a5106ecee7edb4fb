"""NMODL files as classes."""

from __future__ import annotations

from pathlib import Path

from brainsim._core.written import made
from brainsim.channels.mechanism import Mechanism
from brainsim.channels.pools import Pool
from brainsim.io._nmodl.source import source_of
from brainsim.receptors.point_process import PointProcess
from brainsim.stimuli.point_stimulus import PointStimulus


def mod_source(path: str | Path) -> str:
    """The Python source of the class that an NMODL file stands for, see :func:`read_mod`.

    Parameters
    ----------
    path : str or Path
        The file (``.mod``).

    Returns
    -------
    str

    Raises
    ------
    NMODLError
        As :func:`read_mod`.
    """
    return source_of(Path(path).read_text(encoding="latin-1"), str(path))[0]


def read_mod(path: str | Path) -> type[Mechanism] | type[Pool] | type[PointProcess] | type[PointStimulus]:
    r"""The class that an NMODL file stands for: a mechanism, pool, receptor or stimulus as any other, in a point neuron
    or a cell.

    ``Na = bs.io.read_mod("na.mod")`` and then ``channels=dict(na=Na(gbar=120 * u.pS / u.um**2))``. Parameters and states
    have the names of the file. What NEURON keeps globally is the mechanism's own: ``celsius`` (6.3 by default, as
    there), and for what it READs of an ion the parameters ``ena``, ``cai``, ``cao``, with NEURON's defaults, which
    follow the pool ``Na`` or ``Ca`` of a cell that has one; ``diam`` and ``area`` are those of each compartment of a cell
    with shape, and elsewhere those of NEURON's section. Its current feeds that pool. A file that writes a concentration
    gives a pool: ``pools=dict(Ca=bs.io.read_mod("cad.mod")())``, of which buffers, shells and gates are further states; what
    LONGITUDINAL_DIFFUSION says moves along a cell with shape. The currents that it writes too, those of a pump or of
    channels, flow as any: what BREAKPOINT leaves for the solved block, as the pump's own current that is not to be counted
    twice, is what it would leave in the present states.

    A POINT_PROCESS with NET_RECEIVE is a receptor, ``cell.add_receptors(syn=Exp2Syn().on(at("dend", 0.5)))``: a weight is
    what NET_RECEIVE calls so, in its unit, and a spike runs its statements at the end of the step in which it arrives.
    Further arguments are variables of each synapse (``net["E->I"].contacts.R``), which its INITIAL starts; with
    ``net_send`` a synapse sends itself an event with a flag. Where all that a spike does is in proportion to the weight,
    synapses are not followed one by one. A POINT_PROCESS without NET_RECEIVE is a stimulus; it may depend on t. Both are in
    nA, whatever the area.

    Read are SUFFIX with USEION and NONSPECIFIC_CURRENT, and of blocks PARAMETER, ASSIGNED, STATE, CONSTANT, UNITS,
    DEFINE, LOCAL, INITIAL, BREAKPOINT, DERIVATIVE, KINETIC, LINEAR (for initial values), PROCEDURE and FUNCTION; a
    PROCEDURE that is solved and takes its states a step of dt further is read as the equation that it solves.
    ``if`` becomes :func:`brainsim.channels.select`; arrays and loops of constant bounds are written out. TABLE, UNITSOFF
    and whatever else changes no number is listed in the docstring. Variables that hold what they were in the step
    before, C (VERBATIM, but for an early ``return`` of NET_RECEIVE), POINTER, WATCH, BEFORE and AFTER, random numbers,
    ARTIFICIAL_CELL, net_event, net_move, weights that a spike changes, and dependence of a SUFFIX on t are refused.

    States of ``sparse`` and ``derivimplicit`` advance together by backward Euler, as in NEURON, and others exactly, as by
    ``cnexp``; what NEURON would solve by ``euler`` or ``runge`` too.

    Parameters
    ----------
    path : str or Path
        The file (``.mod``).

    Returns
    -------
    type
        Of which :func:`mod_source` gives the source.

    Raises
    ------
    NMODLError
        For what is not NMODL or is not read; names file and line.

    References
    ----------
    M. L. Hines, N. T. Carnevale, Neural Computation 12:995 (2000).
    """
    source, name = source_of(Path(path).read_text(encoding="latin-1"), str(path))
    return made(source, name, str(path), "brainsim.io.nmodl")
