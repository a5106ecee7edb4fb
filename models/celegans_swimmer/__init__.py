"""C. elegans swims: a neural circuit as the architecture of a controller, and the circuits of the animal.

* ``body``, ``ncap``, ``mlp``, ``task``: a planar swimmer in viscous fluid, its controllers, and what they earn.
* ``swim``: circuit and body as a network, for ``brainsim run``.
* ``evolution``, ``gradient``, ``ppo``: three ways of training them.
* ``experiments``, ``animation``: ablations, transfer, learning curves; the body beside the activity of its circuit.
* ``gait``: the neuromechanical model of crawling and swimming.
* ``connectome``: the measured nervous system as graded neurons.
"""
