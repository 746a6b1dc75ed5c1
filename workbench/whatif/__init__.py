"""What if this face were a little different: changes people understand, and what they do to a model's answer."""
