"""The pure core: graph, state machines and scheduler, as functions from values to values.

Nothing here does I/O, reads a clock, or knows gRPC, protobuf or a database.
"""
