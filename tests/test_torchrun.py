"""``torchrun … -m torchlogit fit``: the same answer as alone, and how it ends when a process or the network is lost.

A start of two ranks takes seconds, so a test asks for much at once. Rows of tests/../bad-inputs: numbers in the names.
"""
