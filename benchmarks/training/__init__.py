"""From a configuration and its data to a trained model, epoch by epoch, with checkpoints between them."""
