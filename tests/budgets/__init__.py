"""Budgets: their files, their evaluation, their baselines."""
