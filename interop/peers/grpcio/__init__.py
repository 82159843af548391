"""grpcio, the official gRPC for Python, as a peer. Its programs import nothing of Plait's but `interop` itself."""
