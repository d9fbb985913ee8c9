"""Serves editors over the Language Server Protocol: one request per file of `requests`."""
