"""How long torchlogit and others take to reach the same optimum: ``python -m benchmarks``."""
