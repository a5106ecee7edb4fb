"""A population tried alone under constant inputs: whether its method is right in steps of a length.

A method that is not the default of a class, a class of the user's and a long step can all give numbers that look like
spikes and are not those of the equations. What the equations themselves do is known from short steps, so the same unit
is run with both, and what the method makes of it is compared.
"""

from brainsim.trial.check import check

__all__ = ["check"]
