"""Tests of the bench, on clockwork instead of a device."""
