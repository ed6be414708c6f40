"""One file per kind of background work, and HANDLERS: the page that shows every side effect."""
