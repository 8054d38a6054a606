"""The database: the only package with SQL in it.

`schema` and `statements` say with SQLAlchemy Core what the tables and the statements are. `generate` compiles
them to text in `_sqlite`, which is what runs: SQLAlchemy takes longer to import than a short flow takes to run,
and is imported only to migrate and to generate. `Database` runs statements; `writes` and `reads` are what the
rest of the server calls.
"""
