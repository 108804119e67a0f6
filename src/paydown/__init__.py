"""Paydown measures the computational debt of AI clusters and pays it down."""

__version__ = "0.1.0"
