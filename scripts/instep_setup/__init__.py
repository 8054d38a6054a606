"""Sets up a checkout of Instep: Debian packages, the Python environment, R packages, the R package.

Run by `scripts/setup.sh` with any Python 3.11; it uses the standard library only. Each part looks first and
acts only on what is missing, so that a second run does nothing.
"""
