"""Errors that a user can act on; the command line prints them in one line, without a traceback."""


class TSSLError(Exception):
    """Base of every error whose message says what was got, what was expected and what to do."""


class ParameterError(TSSLError, ValueError):
    """A parameter, shape or dtype outside what a function accepts."""


class ArchitectureError(TSSLError, ValueError):
    """An architecture string that cannot be read, or a network that does not fit its input."""


class BackendUnavailableError(TSSLError, RuntimeError):
    """A backend that was asked for by name and cannot run here."""


class PretrainedError(TSSLError, RuntimeError):
    """Weights that should have come with the package and are missing or damaged."""
