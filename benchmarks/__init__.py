"""Measurements of Instep against Metaflow and other peers, side by side on one machine. `python -m benchmarks` runs them."""
