"""Holds the requests that the server answers: one file each, found by its name."""
