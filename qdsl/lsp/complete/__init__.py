"""Proposes what could be written at a place, also where the text around it is not finished."""
