"""Places on a cell: expressions for regions and locations, and values that differ from place to place."""
