"""Runtimes that are timed beside each other: one module each, run in a process of its own."""
