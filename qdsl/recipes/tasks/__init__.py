"""Holds the tasks, one per file: what a recipe may say after `task =`."""
