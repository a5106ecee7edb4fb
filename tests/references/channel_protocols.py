"""What is done to the cells of `make_channels.py`, by which the tests build the same cells: durations, thresholds, currents.

Times in ms, potentials in mV, per area: uF/cm2, mS/cm2, uA/cm2.
"""

WANG_BUZSAKI = dict(duration=300.0, threshold=0.0, currents=[0.1, 0.3, 1.0, 3.0])
REDUCED_TRAUB = dict(duration=300.0, threshold=0.0, currents=[0.3, 1.0, 3.0])
CONNOR = dict(duration=400.0, threshold=0.0, currents=[7.0, 8.5, 10.0, 20.0])
MORRIS_LECAR = {  # g_Ca, V_3, V_4, phi
    "class_1": dict(
        g_Ca=4.0, V_3=12.0, V_4=17.4, phi=1 / 15, duration=1000.0, threshold=0.0, currents=[39.0, 40.5, 45.0, 80.0]
    ),
    "class_2": dict(
        g_Ca=4.4, V_3=2.0, V_4=30.0, phi=0.04, duration=1000.0, threshold=0.0, currents=[80.0, 96.0, 120.0, 230.0]
    ),
}
FITZHUGH = dict(duration=300.0, threshold=1.0, currents=[0.3, 0.5, 1.0, 1.5])
HINDMARSH = dict(duration=400.0, threshold=1.0, currents=[1.0, 1.6, 2.0, 4.0])
PINSKY = dict(duration=600.0, threshold=-20.0, currents=[(0.75, 0.0), (1.25, 0.0), (-0.5, 2.0)])  # I, I_d
PINSKY_START = dict(V=-64.6, V_d=-64.5, h=0.999, n=0.001, s=0.009, c=0.007, q=0.01, Ca=0.2)

# Minimal cortical cells of Pospischil et al. (2008): leak, sodium, delayed rectifier, M, high- and low-threshold
# calcium. The step of current lasts from 100 ms to the end; the last number is the current before it.
POSPISCHIL = {
    "RS": dict(
        g_L=0.0205,
        E_L=-70.3,
        g_Na=56.0,
        V_T=-56.2,
        g_K=6.0,
        g_M=0.075,
        tau_max=608.0,
        g_CaL=0.0,
        g_CaT=0.0,
        I=1.0,
        hold=0.0,
    ),
    "FS": dict(
        g_L=0.038,
        E_L=-70.4,
        g_Na=58.0,
        V_T=-57.9,
        g_K=3.9,
        g_M=0.0,
        tau_max=502.0,
        g_CaL=0.0,
        g_CaT=0.0,
        I=2.0,
        hold=0.0,
    ),
    "IB": dict(
        g_L=0.01,
        E_L=-70.0,
        g_Na=50.0,
        V_T=-56.2,
        g_K=5.0,
        g_M=0.03,
        tau_max=608.0,
        g_CaL=0.15,
        g_CaT=0.0,
        I=0.7,
        hold=0.0,
    ),
    "LTS": dict(
        g_L=0.019,
        E_L=-50.0,
        g_Na=50.0,
        V_T=-50.0,
        g_K=4.0,
        g_M=0.028,
        tau_max=4000.0,
        g_CaL=0.0,
        g_CaT=0.4,
        I=0.0,
        hold=-0.8,
    ),
}
POSPISCHIL_RUN = dict(duration=700.0, onset=300.0, threshold=0.0, V_x={"LTS": -7.0})

# A thalamic relay cell: T current with the Nernst potential of its calcium, h with calcium, a slow potassium current,
# spikes.
RELAY = dict(
    g_L=0.01, E_L=-70.0, g_KL=0.02, E_K=-100.0, g_Na=90.0, g_K=10.0, V_T=-45.0, g_T=2.0, g_h=0.015, g_AHP=0.05,
    depth=1.0, tau_Ca=5.0, rest=2.4e-4, outside=2.0, celsius=36.0,
    V=-65.0, hold=-0.6, onset=100.0, release=500.0, duration=900.0, threshold=0.0,
)  # fmt: skip

NEURON_HH = dict(current=10.0, celsius=16.3, duration=60.0, V=-65.0)  # at 16.3 °C the rates are three times as fast
# Two cells of Traub and Miles of NEST's, spiking at rates of their own until a gap junction joins them; pF, nS, pA, mV.
GAP = dict(
    cell=dict(C_m=200.0, g_Na=20000.0, g_K=6000.0, g_L=10.0, E_Na=50.0, E_K=-90.0, E_L=-60.0, V_T=-63.0, V_m=-65.0, t_ref=2.0),
    currents=[300.0, 330.0], weight=20.0, duration=150.0,
)  # fmt: skip
