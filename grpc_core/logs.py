"""The loggers of `grpc_core`. As in grpcio, what they log is seen by programs that set up logging, and by no others."""

import logging

logging.getLogger("grpc_core").addHandler(logging.NullHandler())


def logger(name: str) -> logging.Logger:
    """The logger of a part of `grpc_core`, such as "sync"."""
    return logging.getLogger(f"grpc_core.{name}")
