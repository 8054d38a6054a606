"""Care of a store: finding and mending damage, and removing what nobody needs any more.

`python -m instep_server.care` is the program behind `instep fsck` and `instep gc`. It works beside running flows.
"""
