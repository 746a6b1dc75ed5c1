"""Models a person brings: ONNX files and transformers' own architectures, wrapped as the tasks want them."""
