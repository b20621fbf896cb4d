"""How far the parts of TSSL-BP's gradient point where a smoothed loss falls: ``python -m benchmarks.alignment``."""
