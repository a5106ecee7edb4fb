"""Files of morphologies: SWC, Neurolucida ASC, NeuroML."""
