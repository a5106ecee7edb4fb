"""Equations as text."""
