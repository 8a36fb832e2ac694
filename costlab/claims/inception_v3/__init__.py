"""The claims about Inception-v3: of its paper (P), a review (R), a summary (S) and a guide (G).

A file a part of the documents; within it, literal tables.
"""
