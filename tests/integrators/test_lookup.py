import pytest

from brainsim.integrators import METHODS, RK4, ExponentialEuler, get


def test_names_in_any_case_and_aliases():
    assert get("rk4") is get("RK4") is get(RK4) is RK4
    assert get("exp_euler") == get("Exponential Euler") == get(ExponentialEuler) == ExponentialEuler()
    assert get("staggered_exponential_euler") == ExponentialEuler(staggered=True)
    assert all(get(name) is method and method.name == name for name, method in METHODS.items())


def test_a_callable_is_returned_as_it_is():
    def mine(f, t, y, dt):
        return y

    assert get(mine) is mine


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("eular", "euler"), ("rk5", "rk"), ("midpont", "midpoint"), ("exponentialeuler", "exponential_euler")],
)
def test_a_typo_gets_the_nearest_name_and_all_names(typo, meant):
    with pytest.raises(ValueError, match=rf"'{typo}'. Did you mean '{meant}.*Valid names: .*stochastic_heun"):
        get(typo)


def test_what_is_neither_name_nor_callable():
    with pytest.raises(TypeError, match="A method is a name or a callable, got 4"):
        get(4)
