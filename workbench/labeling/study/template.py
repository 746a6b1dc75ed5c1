"""A study file to fill in."""

TEMPLATE = """[study]
name = "my-study"
title = "Same person or not?"
task = "same_different"
instructions = "Two faces at a time. Say whether they show the same person, and how sure you are."
contact = "someone@example.org"

[consent]
version = "1"
minimum_age = 18
text = "What is collected, for what, how long it is kept, and how to withdraw."

[items]
csv = "items.csv"          # or: folder = "faces", or: identities = "people" with same = 100 and different = 100

[assignment]
raters_per_item = 5

[blocks]
size = 30
gold = 2
repeats = 1
"""
