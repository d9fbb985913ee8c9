"""The shells that `completion` writes a script for: one per file."""
