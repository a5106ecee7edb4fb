from __future__ import annotations

from brainsim.plasticity.base import Plasticity


class Combined(Plasticity):
    r"""Several rules on the same weights, in the order given.

    .. math:: w \leftarrow R_K(\dots R_2(R_1(w)))

    In each step a rule sees the weights that those before it leave; each has traces, bounds and delays of its own.
    ``connect(..., plasticity=[stdp, scaling])`` makes one, with rules called ``rule_1``, ``rule_2`` and so on.

    Parameters
    ----------
    *rules, **named : Plasticity
        The rules, without and with names: ``Combined(stdp=PairSTDP(...), scaling=HomeostaticScaling(...))``.

    References
    ----------
    F. Zenke, G. Hennequin, W. Gerstner, PLoS Comput. Biol. 9:e1003330 (2013), for why STDP needs a second rule beside
    it.
    """

    def __init__(self, *rules: Plasticity, **named: Plasticity):
        super().__init__()
        named = {f"rule_{k + 1}": rule for k, rule in enumerate(rules)} | named
        if not named:
            raise ValueError("Combined: give it at least one rule.")
        for name, rule in named.items():
            if not isinstance(rule, Plasticity):
                raise TypeError(f"Combined: {name} must be a plasticity rule, given {type(rule).__name__}.")
            if rule.bound:
                raise ValueError(
                    f"Combined: the rule given as {name} already belongs to {rule.path}; make another one."
                )
            if hasattr(type(self), name):
                raise ValueError(f"Combined: the name {name!r} is taken.")
            setattr(self, name, rule)
        self.order = tuple(named)

    def update(self, s):
        for name in self.order:
            s.run(self.rules[name])
