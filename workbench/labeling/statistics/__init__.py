"""What judgements say: agreement, aggregation, checks, people beside recognisers."""
