"""Writes diagnostics as text: one renderer per file."""

from qdsl.diagnostic.render.concise import concise
from qdsl.diagnostic.render.full import full
from qdsl.diagnostic.render.github import github
from qdsl.diagnostic.render.json import json
from qdsl.diagnostic.render.sarif import sarif

__all__ = ("concise", "full", "github", "json", "sarif")
