"""Defines how a variant is trained: recipes, stages, schedules, and what tasks need of models."""
