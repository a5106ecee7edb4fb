"""Memory in CA3: spiking associative memories, step by step; the biophysical pyramidal cell with the bursts of its
network; replay.

- :mod:`~models.ca3_memory.cam`: a content-addressable memory, recalled by cue or by any fragment of the content;
- :mod:`~models.ca3_memory.sparse`: dentate gyrus, CA3 and CA1, addressed by a binary code;
- :mod:`~models.ca3_memory.operations`: what is asked of a memory, and what an ideal one answers;
- :mod:`~models.ca3_memory.capacity`: how much the memories hold, and how fast they can be asked;
- :mod:`~models.ca3_memory.neuromorphic`: the neurons and the learning that they are made of, in steps of 1 ms;
- :mod:`~models.ca3_memory.cell`: the pyramidal cell in two compartments and its regimes;
- :mod:`~models.ca3_memory.population_bursts`: 100 of them, which turn a kick to one cell into population bursts;
- :mod:`~models.ca3_memory.place_cells`: place cells of a rat on a track, and what their synapses learn from it;
- :mod:`~models.ca3_memory.sharp_waves`: 8,000 pyramidal cells with these synapses, and 150 basket cells: sharp waves,
  ripples, gamma;
- :mod:`~models.ca3_memory.replay`: how sharp waves are found, their ripples, and which way along the track they run.
"""
