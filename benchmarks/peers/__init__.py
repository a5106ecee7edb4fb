"""The same two networks written for each simulator, as its own users would write them for speed."""
