"""Neurons of the baselines: specifications in plain PyTorch, and their backends."""
