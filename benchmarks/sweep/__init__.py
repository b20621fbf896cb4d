"""Carrying out a study: how each run stands, what is left, how long it takes, and what became of it."""
