"""From a morphology to compartments: rules, the tree, areas and axial resistances."""
