"""Machine, operating system and PyTorch: files, locks, signals, memory, precision, graphs."""
