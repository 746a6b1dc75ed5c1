"""Judgements and items as other labeling tools write them, both ways."""
