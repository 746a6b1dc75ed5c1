"""Photos that recognition does not match: the search, the judges, and what is told of them."""
