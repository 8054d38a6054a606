"""Migrations of the schema, numbered. One that was released is never edited."""
