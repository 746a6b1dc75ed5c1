"""Layers, windows and warps that several families share."""
