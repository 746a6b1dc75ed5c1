"""What a model is called in answers and tables, whoever made it: the built-in ones, a person's own, a test's toy."""

from typing import Any


def model_id(model: Any) -> str:
    """The model's id in the catalogue; the name of its class where no row says one."""
    return str(getattr(getattr(model, "spec", None), "id", type(model).__name__))
