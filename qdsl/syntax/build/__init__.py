"""Makes the tree: one function for each alternative of the grammar that is a node."""
