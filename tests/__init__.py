"""Tests of costlab; the folders mirror those of the package."""
