"""Neuron-astrocyte liquid state machine: reading digits with a liquid that an astrocyte holds near the edge of chaos.

- :mod:`~models.nalsm.network`: the liquid, its input and its astrocyte, ``build``;
- :mod:`~models.nalsm.neuron`, :mod:`~models.nalsm.plasticity`, :mod:`~models.nalsm.astrocyte`: what it is made of;
- :mod:`~models.nalsm.data`: MNIST, Fashion-MNIST and scikit-learn's digits as probabilities of events;
- :mod:`~models.nalsm.protocol`: the phase in which the liquid learns, and the one in which it answers;
- :mod:`~models.nalsm.digit`: a liquid that has seen digits, for ``brainsim run``;
- :mod:`~models.nalsm.readout`: the linear layer that reads the spike counts;
- :mod:`~models.nalsm.experiments`: accuracies, branching factors, and the commands of
  ``python -m models.nalsm.experiments``.
"""
