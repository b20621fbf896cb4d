"""Errors of the harness that a user can act on."""

from tssl_core.errors import TSSLError


class ConfigError(TSSLError, ValueError):
    """A configuration that cannot be read or is not valid."""


class DatasetError(TSSLError, RuntimeError):
    """A dataset that is missing, corrupt or cannot be fetched."""


class DivergedError(TSSLError, ArithmeticError):
    """A loss, weights or moments that are no longer finite; the run ends as ``diverged``."""


class TrackingError(TSSLError, RuntimeError):
    """A tracking store that cannot be reached, read or written."""


class DamagedRecordError(TrackingError):
    """A file that should hold the record of a run, and does not."""


class CheckpointError(TSSLError, RuntimeError):
    """A checkpoint, or the folder of checkpoints, that cannot be used."""


class LockedError(TSSLError, RuntimeError):
    """A run that another process is at work on."""


class ExecutorError(TSSLError, RuntimeError):
    """A cluster, or a machine of it, that cannot be used."""


class OutputError(TSSLError, OSError):
    """A file or folder of results that cannot be written."""


class ExportError(TSSLError, ValueError):
    """A trained network that cannot be written in another library's format."""
