"""Makes the layout of each kind of node: the way back from the tree to text."""
