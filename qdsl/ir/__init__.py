"""The intermediate representation: shapes, formats, operations and models, all torch-free values."""
