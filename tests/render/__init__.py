"""Tests of the renderers; none needs torch."""
