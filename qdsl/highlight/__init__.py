"""Colours for the text of a .qspec file: one description of them, for Pygments and for editors."""
