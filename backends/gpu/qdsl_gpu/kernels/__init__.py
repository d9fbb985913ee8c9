"""The kernels, one per file, each with the shapes that it is compiled for ahead of time."""
