"""Kernels of our own, against float64."""
