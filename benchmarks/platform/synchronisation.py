"""Waiting for a device: a GPU is asked to do a thing, and does it later."""

import torch


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given, so that a clock means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
