"""Trains the embedded portrait model: photos into the mean frame, a linear model of them, and a network for what is
finer."""
