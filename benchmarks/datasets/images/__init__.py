"""Images: read from folders, and changed at random for training."""
