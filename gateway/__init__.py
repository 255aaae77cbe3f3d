"""PEKAT PLC gateway: the PEKAT VISION inspection system on a machine's control network."""

__version__ = "0.1.0"

RELEASED = "2026-11-25"
"""The day of this version; what OPC UA clients are told as its build date."""
