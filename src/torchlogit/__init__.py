"""torchlogit: logistic regression you can trust, on PyTorch."""
__version__ = "0.1.0"
