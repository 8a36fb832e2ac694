"""Training: what a backward, its memory and an optimizer cost."""
