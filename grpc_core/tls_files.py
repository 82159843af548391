"""PEM files that a command line names: read whole, with what is wrong said of the option."""

from __future__ import annotations


class FileProblem(Exception):
    """A file that cannot be used, or options that do not go together; the text names the option."""


def read_pem(option: str, path: str) -> bytes:
    """The octets of the file. Raises FileProblem."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise FileProblem(f"{option} {path}: {error.strerror}")
