"""Shows whether a worker, in any language, keeps to the step protocol.

A scripted orchestrator starts the worker, leases it tasks, misbehaves on purpose, and checks the calls that came. It
is built from `proto/` alone and shares no code with the orchestrator and the SDKs. docs/conformance.md tells how to use
it, and how to write a worker.
"""
