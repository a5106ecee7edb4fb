"""What the package says about itself, and how names go."""

import re
import subprocess
import sys
import tomllib
import warnings
from importlib import resources
from pathlib import Path

import brainunit as u
import pytest

import brainsim as bs
from brainsim import _deprecated
from brainsim._deprecated import deprecated, renamed_argument

ROOT = Path(__file__).resolve().parents[1]


def version(text):
    return tuple(int(number) for number in re.findall(r"\d+", text))


def test_the_version_stands_in_one_place():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dynamic"] == ["version"] and "version" not in project
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == bs.__version__
    assert "version:" not in (ROOT / "CITATION.cff").read_text().replace("cff-version:", "")


def test_the_package_is_typed():
    assert (resources.files(bs) / "py.typed").is_file()


def test_a_clone_beside_a_script_does_not_hide_the_package(tmp_path):
    (tmp_path / "brainsim").mkdir()  # a folder without `__init__.py`, which Python takes where it finds nothing better
    ask = "import importlib.util; print(importlib.util.find_spec('brainsim').origin)"
    done = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("__init__.py")


def test_what_is_deprecated_works_warns_and_says_so():
    @deprecated("brainsim.old", since="0.2", removed_in="0.4", instead="brainsim.new")
    def old(a, b=2):
        """Add."""
        return a + b

    with pytest.warns(
        DeprecationWarning, match="brainsim.old is deprecated since brainsim 0.2 .* use brainsim.new"
    ) as w:
        assert old(1, b=3) == 4
    assert w[0].filename == __file__
    assert old.__doc__.startswith("Add.") and ".. deprecated:: 0.2" in old.__doc__
    assert _deprecated.DEPRECATED.pop("brainsim.old") == "0.4"


def test_a_deprecated_class_is_the_class():
    @deprecated("brainsim.Old", since="0.2", removed_in="0.4", instead="brainsim.New")
    class Old:
        """A thing."""

        def __init__(self, a):
            self.a = a

    class Own(Old):
        pass

    for kind in (Old, Own):
        with pytest.warns(DeprecationWarning, match="brainsim.Old is deprecated") as w:
            assert isinstance(made := kind(3), Old) and made.a == 3
        assert w[0].filename == __file__
    del _deprecated.DEPRECATED["brainsim.Old"]


def test_a_deprecated_model_is_a_model():
    @deprecated("brainsim.Cell", since="0.2", removed_in="0.4", instead="LIF")
    class Cell(bs.neurons.LIF):
        """A cell."""

    with pytest.warns(DeprecationWarning, match="brainsim.Cell is deprecated"):
        assert len(Cell(3)) == 3
    assert ".. deprecated:: 0.2" in Cell.__doc__ and "tau : quantity in ms" in Cell.__doc__
    del _deprecated.DEPRECATED["brainsim.Cell"]


def test_an_argument_may_change_its_name():
    @renamed_argument("every", "interval", since="0.2", removed_in="0.4")
    def f(interval=1):
        return interval

    with pytest.warns(DeprecationWarning, match="'every' is now 'interval'; the old name goes in 0.4"):
        assert f(every=3) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert f(interval=4) == f(4) == 4
    with pytest.raises(TypeError, match="'every' is the old name of 'interval'; give one of them"):
        f(every=1, interval=2)
    _deprecated.DEPRECATED.clear()


def test_nothing_is_kept_longer_than_was_said():
    late = {name for name, last in _deprecated.DEPRECATED.items() if version(last) <= version(bs.__version__)}
    assert not late


ROOMS = {
    "channels": bs.channels.Channel,
    "connectivity": bs.connectivity.ConnectionRule,
    "delays": bs.delays.Delay,
    "glia": bs.neurons.Neuron,
    "integrators": bs.integrators.ODEMethod,
    "masses": bs.masses.Mass,
    "modulators": bs.modulators.Modulator,
    "neurons": bs.neurons.Neuron,
    "paths": bs.paths.Path,
    "plasticity": bs.plasticity.Plasticity,
    "receptors": bs.receptors.Receptor,
    "sources": bs.Population,
    "stimuli": bs.stimuli.Stimulus,
    "surrogate": bs.surrogate.Surrogate,
    "synapses": bs.synapses.Synapse,
    "terminals": bs.terminals.Terminal,
}
BASES = {  # what classes have in common
    *("AdaptiveThreshold", "AfterSpikeCurrents", "Cascade", "Facilitating", "FixedReset", "Leaky", "MagnesiumBlock"),
    *("Parts", "PeakNormalised", "ResetRules", "Resonator"),
}


@pytest.mark.parametrize("room", ROOMS)
def test_every_class_of_a_room_is_exported(room):
    """So that the suites, which take their classes from there, test it."""
    found, waiting = set(), [ROOMS[room]]
    while waiting:
        waiting += (more := waiting.pop().__subclasses__())
        found |= {x.__name__ for x in more if x.__module__.startswith(f"brainsim.{room}")}
    assert {name for name in found if not name.startswith("_")} - BASES <= set(dir(getattr(bs, room)))
    assert not BASES & set(getattr(getattr(bs, room), "__all__", ()))


def test_sums_of_quantities_import_no_dask(monkeypatch):
    backend = pytest.importorskip("saiunit._backend")
    monkeypatch.delitem(sys.modules, "dask.array", raising=False)
    backend._try_import.cache_clear()
    assert str(2 * u.mV + 1 * u.mV) == "3 mV"
    assert "dask.array" not in sys.modules
