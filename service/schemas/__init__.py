"""Pydantic shapes: API, feeds, events, index documents."""
