"""Gateways in the test's own process start their OPC UA server quickly; those in processes of their own as they do."""

from tests.opcua.quick_start import made_nodes, quick_start

__all__ = ["made_nodes", "quick_start"]
