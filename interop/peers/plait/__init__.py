"""Plait as a peer: the same programs as grpcio's, on `grpc_core`."""
