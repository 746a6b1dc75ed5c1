"""The running study: the desk raters meet, the owner's side, tokens."""
