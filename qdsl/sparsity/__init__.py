"""The sparsity patterns of a spec, one per file."""
