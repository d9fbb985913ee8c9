"""Walks the whole house on real speech; `make demo` runs it."""
