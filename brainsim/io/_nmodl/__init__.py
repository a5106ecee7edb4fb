"""NMODL, the language of NEURON's mechanisms: text to words (:mod:`.tokens`) and a tree (:mod:`.parse`), without loops
and arrays (:mod:`.expand`), its blocks as functions (:mod:`.flow`, :mod:`.python`), and the class (:mod:`.source`).
"""
