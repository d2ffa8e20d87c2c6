"""Compiled passes over the rows, each beside its plain twin in torch; optional, see `library`."""
