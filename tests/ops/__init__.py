"""Tests of the rules: each against the kernel that it stands for."""
