"""Where judgements are kept: one transaction per vote."""
