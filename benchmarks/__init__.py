"""Measurements of Instep against Metaflow, side by side on one machine. `python -m benchmarks` runs them."""
