"""What a model is: :class:`Dynamics`, :class:`State`, :class:`Parameter`, :class:`Clock` and the pure step.

This room is all there is of flax nnx: above it stand ordinary classes, below it ordinary arrays.
"""

from brainsim._core.aside import Aside, Moment, key_at, key_of
from brainsim._core.clock import Clock, count_of, name_hash, step_length
from brainsim._core.declared import Fixed, FixedVariable, Parameter, ParameterVariable, State, StateVariable
from brainsim._core.dynamics import Dynamics
from brainsim._core.exact import Exact
from brainsim._core.held import held
from brainsim._core.items import elements
from brainsim._core.layers import (
    applied,
    change_back,
    changing_values,
    in_the_float_type,
    is_layer,
    looked_at,
    multiplications,
    number_of_parameters,
    over_time,
    result_of,
    trained_by_default,
    with_tuples,
)
from brainsim._core.modules import (
    BATCH,
    Flat,
    Moved,
    Pool,
    Scaled,
    Whole,
    chain,
    compute_in,
    dropout,
    in_order,
    new_embedding,
    new_layer,
    normalises_alone,
    set_mode,
)
from brainsim._core.norms import TIME, BatchNorm, BatchNormOverTime, once_per_run
from brainsim._core.site import OfSite, Site
from brainsim._core.slot import Slot
from brainsim._core.standing import Part
from brainsim._core.stepping import in_step, stepping
from brainsim._core.structure import Structure, forget_programs, split, write_back, write_state

__all__ = [
    "BATCH",
    "BatchNorm",
    "BatchNormOverTime",
    "TIME",
    "chain",
    "dropout",
    "Flat",
    "Moved",
    "new_embedding",
    "new_layer",
    "normalises_alone",
    "Pool",
    "Scaled",
    "compute_in",
    "Whole",
    "set_mode",
    "Aside",
    "Clock",
    "Dynamics",
    "Exact",
    "Moment",
    "OfSite",
    "Fixed",
    "FixedVariable",
    "Parameter",
    "ParameterVariable",
    "Part",
    "Site",
    "Slot",
    "State",
    "StateVariable",
    "Structure",
    "change_back",
    "changing_values",
    "count_of",
    "elements",
    "applied",
    "forget_programs",
    "held",
    "in_order",
    "in_step",
    "in_the_float_type",
    "is_layer",
    "looked_at",
    "multiplications",
    "key_at",
    "key_of",
    "name_hash",
    "number_of_parameters",
    "once_per_run",
    "over_time",
    "result_of",
    "trained_by_default",
    "split",
    "step_length",
    "stepping",
    "with_tuples",
    "write_back",
    "write_state",
]
