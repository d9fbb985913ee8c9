"""From tree to model: names, types, shapes, policies; findings are collected, never raised."""
