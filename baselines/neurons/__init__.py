"""Neurons of the baselines: specification, differentiable operator and layer, one file a neuron."""
