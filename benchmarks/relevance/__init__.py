"""How well search finds what a job seeker means: a French judgement set, its measures, and a command."""
