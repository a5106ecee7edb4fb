"""Networks in continuous time, in steps of their own length."""
