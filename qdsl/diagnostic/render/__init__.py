"""Writes diagnostics as text: one renderer per file."""

from qdsl.diagnostic.render.concise import concise
from qdsl.diagnostic.render.full import full
from qdsl.diagnostic.render.json import json

__all__ = ("concise", "full", "json")
