"""Taking turns: how OPC UA is served without holding up what a machine waits for."""
