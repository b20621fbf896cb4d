"""What metrics count with: spikes of layers, synapses that a spike reaches, distances of spike trains."""
