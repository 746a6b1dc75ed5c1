"""Model cards: what a row of the catalogue is for, what it was measured to do, and for whom that was not measured."""
