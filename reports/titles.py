"""What reports call things."""

from benchmarks.datasets.dataset import available_datasets


def dataset_title(name: str) -> str:
    """Title of a dataset, or its name if it is not known here."""
    known = available_datasets()
    return known[name].title if name in known else name
