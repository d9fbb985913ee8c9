"""What `list` and `explain` know: one kind of thing per file, found by the file's name."""
