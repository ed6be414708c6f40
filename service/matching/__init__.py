"""Pure scoring: text to occupation, place labels to communes, candidate to posting. No I/O."""
