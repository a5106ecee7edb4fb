"""Published demonstrations of learning, one small file each."""
