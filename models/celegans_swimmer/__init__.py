"""C. elegans swims: a neural circuit as the architecture of a controller, and the circuits of the animal.

* ``body``, ``ncap``, ``mlp``, ``task``: a planar swimmer in viscous fluid, its controllers, and what they earn.
"""
