"""Figures for Prometheus: counted beside the stations, served by a thread of their own."""
