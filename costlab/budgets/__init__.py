"""Budgets: what a model may cost, and whether it does; importing it loads no torch."""
