"""The student on Triton, over gRPC."""
