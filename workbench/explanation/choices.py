"""The words a person chooses among, apart from the code behind them, so that a menu needs no torch."""

FILLS = ("blur", "grey", "mean", "layer")
"""What may stand where a piece of the face is taken away; see `explain.fills`."""

MARGINALS = ("apc", "uniform", "sc", "uew")
"""What a patch of a face has to give or to take; see `explanation.patch_flow`."""
