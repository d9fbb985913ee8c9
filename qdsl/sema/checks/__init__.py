"""The checks of a file that read its text alone: one file is one check, found by its name."""
