"""Tests of the ledger and of what it holds."""
