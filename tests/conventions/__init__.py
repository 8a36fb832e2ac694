"""Tests of what other counters are said to print."""
