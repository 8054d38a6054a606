"""All scenarios, one module per part of the protocol. Importing this package registers them."""

from instep_conformance.scenarios import tasks

__all__ = ["tasks"]
