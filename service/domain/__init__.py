"""One file per capability: every verb, query and rule on it. Never commits, never talks to the network."""
