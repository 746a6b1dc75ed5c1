"""Who is in a folder of photos: faces put into groups of one person each, and what looks wrong in such groups."""
