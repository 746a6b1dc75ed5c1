"""The Analysis tab: everything a face shows, as pictures, cards, a table and files."""
