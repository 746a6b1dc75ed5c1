"""Why a number came out as it did, and whether the picture of it can be believed.

`targets` names the number, `methods` the ways to a heatmap, `proof` the tests a heatmap has to pass. Everything works
on the chip a model sees; `tasks/explanation.py` goes from the photo to the chip and back. torch is allowed here, gradio
never.
"""
