"""Trained networks for other libraries."""
