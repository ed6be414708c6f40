"""Everything that has a goal, beside its peers, interleaved in one run: ``make bench``."""
