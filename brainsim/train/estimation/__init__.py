"""Numbers of a model from recordings of it: unknowns, protocols, targets, and what finds and judges them."""
