"""What leaves the checkout: the Spaces, the generated parts of the docs, the example pictures."""
