"""Instep's orchestrator."""
