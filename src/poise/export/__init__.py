"""A run handed over: plain PyTorch, ONNX, a page for any browser, the layout of a model repository."""
