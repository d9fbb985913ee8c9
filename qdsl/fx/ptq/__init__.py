"""Quantizes a trained program without training it."""
