"""Reads recipes: items become stages, words and calls options; tasks are held to their models."""
