"""What people said about faces. Knows no model, no torch and no screen."""
