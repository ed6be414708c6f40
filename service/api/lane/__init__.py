"""The fast public read path: prepared bytes ahead of everything, and lists worked out without detours."""
