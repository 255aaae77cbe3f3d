"""Measures the gateway beside its rivals, in one run on one machine: `python -m benchmarks`."""
