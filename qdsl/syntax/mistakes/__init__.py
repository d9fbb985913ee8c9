"""Says what is wrong with text that does not parse, and what to write instead."""
