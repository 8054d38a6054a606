"""Messages of the package instep.v1."""
