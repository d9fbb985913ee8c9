"""Contenders on a GPU, a module for each library; what is not installed is left out."""
