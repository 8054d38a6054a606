"""Faults on purpose: what is injected, and what becomes of the run.

Each module `test_*.py` injects a few faults of its kind in every run of the tests. Their campaigns, which
`make reliability` runs, inject many. Both tell `report` what was injected and what happened; docs/reliability.md is
written from what campaigns told.
"""
