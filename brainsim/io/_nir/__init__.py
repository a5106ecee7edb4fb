"""The Neuromorphic Intermediate Representation: graphs of neurons and of the layers between them.

Its tools (snnTorch, Norse, ...) step by Euler, and a spike passes all layers within a step. Here a membrane is stepped
exactly for constant input, and what a population fires in one step acts in the next. :mod:`.discrete` has what makes the
two equal.
"""
