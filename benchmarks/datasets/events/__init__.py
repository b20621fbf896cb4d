"""Recordings of event cameras: read, simulated, and turned into frames."""
