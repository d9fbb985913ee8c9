"""The intermediate representation: shapes, formats, operations, models; values without torch."""
