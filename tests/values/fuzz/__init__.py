"""Hostile bytes for both decoders.

Theory of operation. A *seed* is a sound manifest, written by either language. The mutator makes *cases* of seeds: a
manifest and the blobs that it can fetch, damaged in ways that a random number generator chooses, whose seed is the
campaign's and the number of the case. So each case can be made again from two numbers. One process of each language
decodes batches of cases; both get the same bytes. What a language does with a case is right when

* it reads a value, which it can store again and read again; or
* it raises its named error for values that can't be read, and nothing else;
* it does so soon, and within bounded memory, without any report of a sanitizer;
* it raises the error for damaged blobs when a blob is not what its digest says, and that of missing ones;
* the numbers and texts that it reads are those that pyarrow reads, where pyarrow reads them at all (Python);
* the other language does the same, unless a rule of `agreement.py` says why it may not.

All else is a *finding*. `python -m values.fuzz` in directory `tests` runs a campaign, and says what it found; see
docs/fuzzing.md.
"""
