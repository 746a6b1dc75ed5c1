"""The screens. The only package that imports gradio."""

from workbench.ui.stubs import leave_out

leave_out()
