"""Models in ONNX's format: each operator, each kind of graph, and files that are none."""
