"""PEKAT PLC gateway: the PEKAT VISION inspection system on a machine's control network."""

__version__ = "0.1.0"
