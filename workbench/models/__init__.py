"""One file per model family. torch, transformers, diffusers and LiteRT live here; gradio never."""
