"""The numbers of a model: descriptors on the class, ``nnx.Variable`` on the instance."""

from __future__ import annotations

from flax import nnx

from brainsim._core.held import held
from brainsim._core.stepping import check_in_reach
from brainsim._units import split_quantity


class ParameterVariable(nnx.Variable):
    """A number of the model that does not change in time."""


class StateVariable(nnx.Variable):
    """What a step changes."""


class FixedVariable(nnx.Variable):
    """Arrays that are neither: connectivity, random keys, tables of spike times."""


class _Declared:
    """Descriptor of a number that an instance holds as an ``nnx.Variable`` under the same name."""

    variable_type: type[nnx.Variable]

    def __init__(
        self,
        default,
        doc="",
        *,
        unit=None,
        shape="count",
        optional=False,
        positive=False,
        nonnegative=False,
        dtype=None,
    ):
        self.default, self.__doc__ = default, doc
        self.unit = split_quantity(default)[1] if unit is None else unit
        self.shape, self.optional, self.dtype = shape, optional, dtype
        self.positive, self.nonnegative = positive, nonnegative

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        check_in_reach(instance, self.name)
        variable = vars(instance).get(self.name)
        if variable is None:
            if self.optional or self.default is None:
                return None
            raise AttributeError(
                f"{type(instance).__name__}.{self.name} has no value yet: add the object to a network first."
            )
        return held(variable.get_value(), variable.get_metadata("unit"), instance, self.name)

    def __set__(self, instance, value):
        instance.assign(self.name, value)


class Parameter(_Declared):
    """A number of the model: one for all, or one per neuron.

    Parameters
    ----------
    default : quantity, float or callable
        Default value; its unit is the unit that the array inside is kept in. A callable gets the object, whose
        other numbers are there by then, and gives the value: ``State(lambda cell: cell.steady_state(cell.V))``.
    doc : str
        What it is.
    unit : Unit or str, optional
        Unit, where the default does not show it; a string names the attribute of the instance that holds it.
    shape : str or None
        Attribute that holds the length of one value per element (``"count"``: per neuron); None for any shape.
    optional : bool
        None is accepted, and then there is no such array.
    positive : bool
        Refuse values that are zero or negative.
    nonnegative : bool
        Refuse values that are negative.
    """

    variable_type = ParameterVariable


class State(_Declared):
    """What changes in time: one value per neuron, starting from ``default``. Arguments as in :class:`Parameter`."""

    variable_type = StateVariable


class Fixed(_Declared):
    """A table or an array that is neither: connectivity, templates, lookup tables. It is not trained and never changes.

    Arguments as in :class:`Parameter`. Any shape is accepted unless ``shape`` says otherwise; whole numbers and truth
    values keep their type. It is declared without a value where every object brings its own::

        class Playback(Stimulus):
            frames = Fixed(None, "currents, one row per frame", unit=u.pA)
    """

    variable_type = FixedVariable

    def __init__(self, default, doc="", *, shape=None, **options):
        super().__init__(default, doc, shape=shape, **options)
