"""Columns of the table that ``python -m benchmarks.alignment`` writes."""

WHERE = ("seed", "trained_with", "epochs", "sigma")
"""Of which network, and with which noise."""

COMPARED = (
    "layer",
    "place",
    "gate",
    "inverse_max",
    "intra_neuron",
    "entries",
    "cosine",
    "signs",
    "cosine_of_halves",
    "signs_of_halves",
)
"""See `benchmarks.alignment.measure.alignment`."""

ALIGNMENT_COLUMNS = (*WHERE, *COMPARED)
