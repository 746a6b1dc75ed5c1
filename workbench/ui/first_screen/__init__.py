"""What a newcomer sees: a photo that is already parsed and explained, and where to go. Runs no model."""
