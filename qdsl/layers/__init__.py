"""The primitive layer kinds: one file is one kind, found by the kind's name in lower case."""
