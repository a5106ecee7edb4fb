"""Models of the Allen database and of BluePyOpt: every number stands where the file says, and unknown names are refused."""

import json

import brainunit as u
import numpy as np
import pytest

import brainsim as bs
from brainsim import cells, io
from brainsim.io._biophysics.distributions import formula

NA = """
NEURON { SUFFIX NaX USEION na READ ena WRITE ina RANGE gbar }
UNITS { (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) }
PARAMETER { gbar = 1e-5 (S/cm2) }
ASSIGNED { v (mV) ena (mV) ina (mA/cm2) celsius (degC) mInf mTau }
STATE { m }
BREAKPOINT { SOLVE states METHOD cnexp  ina = gbar*m*m*m*(v - ena) }
INITIAL { rates() m = mInf }
DERIVATIVE states { rates() m' = (mInf - m)/mTau }
PROCEDURE rates() { LOCAL qt  qt = 2.3^((celsius-21)/10)  mInf = 1/(1 + exp(-(v + 40)/6))  mTau = 1/qt }
"""
CA = """
NEURON { SUFFIX CaX USEION ca READ eca WRITE ica RANGE gbar }
UNITS { (mV) = (millivolt) (mA) = (milliamp) (S) = (siemens) }
PARAMETER { gbar = 1e-5 (S/cm2) }
ASSIGNED { v (mV) eca (mV) ica (mA/cm2) }
STATE { m }
BREAKPOINT { SOLVE states METHOD cnexp  ica = gbar*m*(v - eca) }
INITIAL { m = 1/(1 + exp(-(v + 30)/6)) }
DERIVATIVE states { m' = 1/(1 + exp(-(v + 30)/6)) - m }
"""
POOL = """
NEURON { SUFFIX CaPool USEION ca READ ica WRITE cai RANGE decay, gamma }
UNITS { (mA) = (milliamp) (molar) = (1/liter) (mM) = (millimolar) (um) = (micron) FARADAY = (faraday) (coulombs) }
PARAMETER { gamma = 0.05  decay = 80 (ms)  depth = 0.1 (um)  minCai = 1e-4 (mM) }
ASSIGNED { ica (mA/cm2) }
STATE { cai (mM) }
INITIAL { cai = minCai }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { cai' = -(10000)*(ica*gamma/(2*FARADAY*depth)) - (cai - minCai)/decay }
"""
FIT = {
    "passive": [{"ra": 120.0, "e_pas": -80.0, "cm": [{"section": "soma", "cm": 1.0}, {"section": "dend", "cm": 2.5}]}],
    "fitting": [{"junction_potential": -14.0, "sweeps": [1]}],
    "conditions": [{"celsius": 34.0, "v_init": -80.0, "erev": [{"section": "soma", "ena": 53.0, "ek": -107.0}]}],
    "genome": [
        {"section": "soma", "name": "gbar_NaX", "value": 0.02, "mechanism": "NaX"},
        {"section": "dend", "name": "gbar_NaX", "value": "0.001", "mechanism": "NaX"},
        {"section": "soma", "name": "gbar_CaX", "value": 3e-4, "mechanism": "CaX"},
        {"section": "soma", "name": "decay_CaPool", "value": 300.0, "mechanism": "CaPool"},
        {"section": "soma", "name": "g_pas", "value": 2e-4, "mechanism": ""},
        {"section": "dend", "name": "g_pas", "value": 1e-4, "mechanism": ""},
    ],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("modfiles")
    for name, text in (("na", NA), ("ca", CA), ("pool", POOL)):
        (path / f"{name}.mod").write_text(text)
    return path


def shape():
    builder = cells.Builder()
    soma = builder.add(12 * u.um, 12 * u.um, type="soma")
    trunk = builder.add(100 * u.um, 2 * u.um, type="dend", parent=soma)
    builder.add(50 * u.um, 1 * u.um, type="dend", parent=trunk)
    hillock = builder.add(90 * u.um, [3, 1] * u.um, type="axon", parent=soma, at=0.5)
    builder.add(90 * u.um, 0.8 * u.um, type="axon", parent=hillock)
    return builder.build()


@pytest.fixture(scope="module")
def allen(folder):
    return io.read_allen(FIT, shape(), folder)


def test_an_allen_model_stands_as_its_file_says(allen):
    net = bs.Network()
    net.cell = allen.cell()
    cut = net.cell.compartments
    # The axon is two cylinders of 30 um by 1 um; 1 + 2 floor(L / 40 um) compartments
    assert [len(cut.type[cut.branch == k]) for k in range(5)] == [1, 5, 3, 1, 1]
    np.testing.assert_allclose(cut.diameter[cut.type == "axon"], 1)
    by_type = dict(soma=0, dend=1, axon=-1)
    at = {kind: np.flatnonzero(cut.type == kind)[0] for kind in by_type}
    plain = lambda value, unit: np.broadcast_to(value.to_decimal(unit), (len(cut),))
    siemens = u.siemens / u.cm2
    for kind, capacity, leak in (("soma", 1.0, 2e-4), ("dend", 2.5, 1e-4), ("axon", 1.0, 1e-3)):
        assert plain(net.cell.C, u.uF / u.cm2)[at[kind]] == capacity
        assert plain(net.cell.g_L, siemens)[at[kind]] == pytest.approx(leak)
    assert net.cell.R_a == 120 * u.ohm * u.cm and np.all(plain(net.cell.E_L, u.mV) == -80)
    na = net.cell.NaX
    np.testing.assert_allclose(na.gbar.to_decimal(siemens), [0.02] + [0.001] * 8)
    np.testing.assert_allclose(na.ena.to_decimal(u.mV), [53] + [50] * 8)  # of the dendrite nothing is said: NEURON's
    assert float(na.celsius) == 34 and net.cell.Ca.decay == 300 * u.ms and float(net.cell.Ca.celsius) == 34
    assert net.cell.CaX.eca is None, "it follows the pool"
    assert allen.junction_potential == -14 and "NaX on soma, dend" in repr(allen)
    rec = bs.simulate(net, 1 * u.ms, dt=0.025 * u.ms, record="cell.V", progress=False)
    assert np.isfinite(rec["cell.V"].to_decimal(u.mV)).all()


def test_a_truncated_axon_is_as_wide_as_the_reconstruction(folder):
    model = io.read_allen(FIT, shape(), folder, axon="truncated")
    axon = model.compartments.diameter[model.compartments.type == "axon"]
    # 3 to 1 um: 2 um in the middle of the first branch; the second begins behind 60 um and is 0.8 um wide
    np.testing.assert_allclose(axon, [2.0, 0.8], rtol=1e-3)


@pytest.mark.parametrize(
    "change, error, message",
    [
        (dict(genom=[]), bs.UnknownNameError, "Did you mean 'genome'"),
        (
            dict(genome=[{"section": "soma", "name": "gbar_NaY", "value": 1, "mechanism": "NaY"}]),
            bs.UnknownNameError,
            "'NaX'",
        ),
        (
            dict(genome=[{"section": "soma", "name": "gbr_NaX", "value": 1, "mechanism": "NaX"}]),
            bs.UnknownNameError,
            "'gbar'",
        ),
        (dict(genome=[{"section": "somma", "name": "cm", "value": 1, "mechanism": ""}]), bs.UnknownNameError, "'soma'"),
        (dict(genome=[{"section": "soma", "name": "c", "value": 1, "mechanism": ""}]), bs.UnknownNameError, "'cm'"),
        (dict(genome=[{"section": "soma", "nam": "cm"}]), bs.UnknownNameError, "Did you mean 'name'"),
    ],
)
def test_unknown_names_of_an_allen_model_are_refused(folder, change, error, message):
    with pytest.raises(error, match=message):
        io.read_allen(FIT | change, shape(), folder)


def test_what_lacks_is_told(folder, tmp_path):
    with pytest.raises(ValueError, match="there is no conditions"):
        io.read_allen({key: FIT[key] for key in ("passive", "genome")}, shape(), folder)
    with pytest.raises(FileNotFoundError, match="no NMODL files"):
        io.read_allen(FIT, shape(), tmp_path)
    with pytest.raises(bs.UnknownNameError, match="Did you mean 'stub'"):
        io.read_allen(FIT, shape(), folder, axon="stubb")


LISTED = [
    {"param_name": "celsius", "type": "global", "value": 34},
    {"param_name": "v_init", "type": "global", "value": -75},
    {"param_name": "cm", "sectionlist": "all", "type": "section", "dist_type": "uniform", "value": 1},
    {"param_name": "cm", "sectionlist": "basal", "type": "section", "dist_type": "uniform", "value": 2},
    {"param_name": "Ra", "sectionlist": "all", "type": "section", "value": 100},
    {"param_name": "g_pas", "sectionlist": "all", "type": "section", "value": 3e-5},
    {"param_name": "e_pas", "sectionlist": "all", "type": "section", "bounds": [-90, -60]},
    {"param_name": "ek", "sectionlist": "somatic", "type": "section", "value": -85},
    {"param_name": "gSKv3_1bar_SKv3_1", "mech": "SKv3_1", "mech_param": "gSKv3_1bar", "sectionlist": "somatic",
     "type": "range", "bounds": [0, 1]},
    {"param_name": "gCa_HVAbar_Ca_HVA", "mech": "Ca_HVA", "mech_param": "gCa_HVAbar", "sectionlist": "somatic",
     "type": "range", "value": 1e-4},
    {"param_name": "decay_CaDynamics_E2", "mech": "CaDynamics_E2", "mech_param": "decay", "sectionlist": "somatic",
     "type": "range", "value": 400},
    {"param_name": "gIhbar_Ih", "mech": "Ih", "mech_param": "gIhbar", "sectionlist": "basal", "type": "range",
     "bounds": [0, 1e-3], "dist_type": "exp", "dist": "(-0.8696 + 2.087*math.exp(({distance})*0.0031))*{value}"},
]  # fmt: skip
INSERTED = {"all": ["pas"], "somatic": ["SKv3_1", "Ca_HVA", "CaDynamics_E2"], "basal": ["Ih"]}


def test_a_model_of_bluepyopt_stands_as_its_files_say(tmp_path):
    (tmp_path / "parameters.json").write_text(json.dumps(LISTED))
    (tmp_path / "mechanisms.json").write_text(json.dumps(INSERTED))
    model = io.read_bluepyopt(tmp_path / "parameters.json", shape(), inserted=tmp_path / "mechanisms.json")
    net = bs.Network()
    net.cell = model.cell(values={"gSKv3_1bar_SKv3_1.somatic": 0.3, "gIhbar_Ih.basal": 2e-4})
    cut, siemens = net.cell.compartments, u.siemens / u.cm2
    np.testing.assert_allclose(net.cell.SKv3_1.g_max.to_decimal(siemens), 0.3)
    np.testing.assert_allclose(net.cell.SKv3_1.E.to_decimal(u.mV), -85)
    assert net.cell.Ca_HVA.E is None and net.cell.Ca.tau == 400 * u.ms
    np.testing.assert_allclose(net.cell.Ca.concentration.to_decimal(u.mM), 5e-5)  # where NEURON starts, not at the rest
    assert float(net.cell.Ca.temperature.to_decimal(u.kelvin)) == pytest.approx(307.15)
    dend = cut.type == "dend"
    far = cut.distance[dend] - 6  # from the middle of the soma
    np.testing.assert_allclose(
        net.cell.Ih.g_max.to_decimal(siemens), 2e-4 * (-0.8696 + 2.087 * np.exp(0.0031 * far)), rtol=1e-5
    )
    np.testing.assert_allclose(net.cell.C.to_decimal(u.uF / u.cm2)[dend], 2)
    np.testing.assert_allclose(net.cell.E_L.to_decimal(u.mV), -75)  # the middle of its bounds
    unknowns = bs.train.Unknowns(net, **model.unknowns("cell"))
    assert unknowns.labels == ("e_pas.all", "gSKv3_1bar_SKv3_1.somatic", "gIhbar_Ih.basal")
    made = unknowns.parameters(unknowns.first)
    np.testing.assert_allclose(made["cell.Ih.g_max"], net.cell.Ih.g_max.to_decimal(u.mS / u.cm2), rtol=1e-5)
    assert net.cell.V[0] == -75 * u.mV


def test_the_other_form_of_bluepyopt_is_read_too():
    given = {
        "mechanisms": {"all": {"mech": ["pas"]}, "somatic": {"mech": ["NaTs2_t"]}, "alldend": {"mech": ["Ih"]}},
        "distributions": {"far": {"fun": "{value}*(1 + {distance}/100)"}},
        "parameters": {
            "__comment": "of one value, or bounds",
            "global": [{"name": "v_init", "val": -79}, {"name": "celsius", "val": 34}],
            "all": [{"name": "ena", "val": 50}, {"name": "g_pas", "val": [1e-6, 1e-4]}],
            "somatic": [{"name": "gNaTs2_tbar_NaTs2_t", "val": [0, 1]}],
            "alldend": [{"name": "gIhbar_Ih", "val": 1e-4, "dist": "far"}],
        },
    }
    model = io.read_bluepyopt(given, shape(), axon=None)
    assert set(model.unknown) == {"g_pas.all", "gNaTs2_tbar_NaTs2_t.somatic"} and model.v_init == -79
    cell = model.cell()
    far = cell.compartments.distance[cell.compartments.type == "dend"] - 6
    np.testing.assert_allclose(cell.Ih.g_max.to_decimal(u.siemens / u.cm2), 1e-4 * (1 + far / 100), rtol=1e-5)
    assert (cell.compartments.type == "axon").sum() == 10, "left as it is"


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"sectionlist": "somatik"}, bs.UnknownNameError, "Did you mean 'somatic'"),
        ({"mech": "SKv3"}, bs.UnknownNameError, "inserted nowhere. Did you mean 'SKv3_1'"),
        ({"mech_param": "gSKv3_1"}, bs.UnknownNameError, "Did you mean 'gSKv3_1bar'"),
        ({"boundz": [0, 1]}, bs.UnknownNameError, "Did you mean 'bounds'"),
        ({"value": 3}, ValueError, "needs a value or bounds"),
        ({"dist_type": "exp"}, ValueError, "there is no dist"),
        ({"dist": "{value}*{distanz}"}, bs.UnknownNameError, "Did you mean 'distance'"),
        ({"dist": "__import__('os')"}, bs.UnknownNameError, "__import__"),
        ({"sectionlist": "basal"}, ValueError, "SKv3_1 is not inserted on dend"),
    ],
)
def test_unknown_names_of_bluepyopt_are_refused(change, error, message):
    changed = [one | change if one["param_name"].startswith("gSK") else one for one in LISTED]
    with pytest.raises(error, match=message):
        io.read_bluepyopt(changed, shape(), inserted=INSERTED)


def test_values_of_what_is_not_looked_for_are_refused():
    model = io.read_bluepyopt(LISTED, shape(), inserted=INSERTED)
    with pytest.raises(bs.UnknownNameError, match="is not looked for. Did you mean 'gIhbar_Ih.basal'"):
        model.cell(values={"gIhbar_Ih.basall": 1.0})
    with pytest.raises(ValueError, match="needs inserted="):
        io.read_bluepyopt(LISTED, shape())
    with pytest.raises(bs.UnknownNameError, match="there is no 'Kx'"):
        io.read_bluepyopt(LISTED, shape(), inserted=INSERTED | {"axonal": ["Kx"]})
    uneven = [one | {"dist": "{value} + {distance}"} if "dist" in one else one for one in LISTED]
    with pytest.raises(ValueError, match="not proportional"):
        io.read_bluepyopt(uneven, shape(), inserted=INSERTED).unknowns("cell")


def test_formulas():
    f = formula("(-0.8696 + 2.087*math.exp(({distance})*0.0031))*{value}", "x")
    np.testing.assert_allclose(f(2.0, np.array([0.0, 100])), 2 * (-0.8696 + 2.087 * np.exp([0, 0.31])), rtol=1e-6)
    np.testing.assert_allclose(formula("-value/(1 + exp((distance - 50)/10))**2", "x")(3.0, 50.0), -0.75, rtol=1e-6)
    with pytest.raises(ValueError, match="is no formula"):
        formula("{value} *", "x")
    with pytest.raises(ValueError, match="functions of math only"):
        formula("[value][0]", "x")


ALL_ACTIVE = FIT | {
    "genome": [
        {"section": "soma", "name": f"gbar_{name}", "value": value, "mechanism": name}
        for name, value in dict(
            NaV=0.05, NaTs=0.5, NaTa=0.1, Nap=1e-3, K_T=0.01, K_P=0.02, Kd=1e-3, Kv2like=0.05, Kv3_1=0.3, Im=1e-3, Im_v2=1e-3,
            Ih=1e-4, SK=1e-3, Ca_HVA=1e-4, Ca_LVA=1e-3,
        ).items()
    ] + [{"section": "soma", "name": "decay_CaDynamics", "value": 300.0, "mechanism": "CaDynamics"},
         {"section": "dend", "name": "g_pas", "value": 1e-4, "mechanism": ""}],
    "conditions": [FIT["conditions"][0] | {"celsius": 30.0}],
}  # fmt: skip


def test_channels_of_the_allen_database_are_there_without_files():
    """Each where the file says, at its temperature; what has a factor at 34 °C by itself gets that of the model."""
    net = bs.Network()
    net.cell = io.read_allen(ALL_ACTIVE, shape()).cell()
    siemens = u.siemens / u.cm2
    assert net.cell.Kv2like.g_max.to_decimal(siemens) == pytest.approx(0.05)
    assert net.cell.NaV.gbar.to_decimal(siemens) == pytest.approx(0.05)
    assert float(net.cell.K_T.celsius) == 30 and float(net.cell.Im.phi) == pytest.approx(2.3**0.9)
    assert float(net.cell.Ca_LVA.phi) == pytest.approx(2.3**0.9) and net.cell.Ca_HVA.E is None
    np.testing.assert_allclose(net.cell.NaTs.E.to_decimal(u.mV), 53)
    np.testing.assert_allclose(net.cell.Ca.concentration.to_decimal(u.mM), 1e-4)  # its INITIAL
    with pytest.raises(bs.UnknownNameError, match="there is no 'NaX'"):
        io.read_allen(FIT, shape())
