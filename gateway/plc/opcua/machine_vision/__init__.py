"""OPC 40100-1, the companion specification for machine vision: one VisionSystem for each station, beside its tags."""
