"""Instep: data-science workflows whose steps are written in R and in Python."""
