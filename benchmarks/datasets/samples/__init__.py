"""What datasets give to a run: samples in memory, parts and batches of them."""
