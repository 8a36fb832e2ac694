"""Latency of variants, measured and explained; importing it loads no torch."""
