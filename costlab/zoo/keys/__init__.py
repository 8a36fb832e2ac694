"""Names that other libraries give to the weights of our networks, a file a family.

It knows names only: no tensor is seen, and no library imported.
"""
