"""`model.onnx`: what a graph in ONNX's format costs, by the operators in it.

`counting.report` is the way in; nothing here is imported before a file asks for it, and torch is
never. Does not know values of weights: shapes and the few numbers that shapes hang on are enough.
"""
