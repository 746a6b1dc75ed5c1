"""Networks that draw faces: one file per family, and the parts they share."""
