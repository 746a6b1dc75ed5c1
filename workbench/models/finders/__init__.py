"""Face finders and the face mesh."""
