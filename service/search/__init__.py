"""The search port, its documents and its engines."""
