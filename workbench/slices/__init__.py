"""A folder of faces in slices: who is right where, and which photos are judged for the same, perhaps wrong, reason."""
