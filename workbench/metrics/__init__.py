"""Figures of merit: plain functions of numbers. Knows no model and no photo."""
