"""Weights of a user's own module: ``.pt`` or ``.safetensors``, with a factory that makes it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from snn2chip.distill.checkpoint import MAX_CHECKPOINT_BYTES, as_finite, check_names
from snn2chip.errors import ConfigError, InputFileError

WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts keep the weights in a larger dictionary."""


def load_user_model(checkpoint: str | Path, factory: str) -> nn.Module:
    """A user's module in evaluation mode, with the weights of a checkpoint.

    **This imports ``module`` and calls ``factory()``: it runs that module's code**, so name only
    modules that you trust. The checkpoint itself runs no code: ``.pt`` files are read with
    ``weights_only=True``.

    Args:
        checkpoint: ``.safetensors``, or a ``.pt`` or ``.pth`` file with a state dictionary.
        factory: ``module:factory``; the module is looked up in the current folder too, the
            factory takes no arguments and returns a ``torch.nn.Module``.

    Raises:
        ConfigError: no such module or factory, or it returns no module.
        InputFileError: the checkpoint is damaged, holds objects other than tensors, or does not
            fit the module (all names in one message).
    """
    path = Path(checkpoint)
    tensors = _tensors(path)
    module = _make(factory)
    expected = module.state_dict()
    check_names(path, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, expected)
    module.load_state_dict(
        {name: as_finite(path, name, tensors[name], expected[name].dtype) for name in expected}
    )
    return module.eval()


def _make(factory: str) -> nn.Module:
    name, _, attribute = factory.partition(":")
    if not name or not attribute.isidentifier():
        raise ConfigError(f"--model {factory!r}", needs="module:factory, such as mynet:make_model")
    if name.startswith("."):
        raise _no_module(factory, name, name)
    try:
        with _current_folder():
            imported = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise _no_module(factory, name, error.name) from error
    make = getattr(imported, attribute, None)
    if not callable(make):
        raise ConfigError(f"--model {factory}: {name} has no function {attribute!r}")
    module = make()
    if not isinstance(module, nn.Module):
        raise ConfigError(
            f"--model {factory}: it returned {type(module).__name__}", needs="a torch.nn.Module"
        )
    return module


def _no_module(factory: str, name: str, missing: str | None) -> ConfigError:
    """The module cannot be found; where a file was named instead, the module's name is given."""
    remedy = "run from the folder that holds it, or install it"
    if name.endswith(".py") or "/" in name or name.startswith("."):
        module = name.removesuffix(".py").lstrip("./").replace("/", ".")
        remedy = f"a module's name, not its file's: --model {module}:{factory.partition(':')[2]}"
    return ConfigError(f"--model {factory}: no module {missing!r}", remedy=remedy)


@contextmanager
def _current_folder() -> Iterator[None]:
    """The current folder as a place to import from."""
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputFileError(f"{path}: cannot be read ({error.strerror})") from error
    if size > MAX_CHECKPOINT_BYTES:
        raise InputFileError(f"{path}: {size} bytes", needs="at most 1 GiB")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise InputFileError(f"{path}: no safetensors file: {error}") from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise almost anything
        if type(error).__name__ == "UnpicklingError":
            raise InputFileError(
                f"{path}: no plain weights, and snn2chip runs no code from checkpoints",
                needs="a state dictionary",
                remedy="torch.save(model.state_dict(), path)",
            ) from error
        raise InputFileError(f"{path}: damaged, or no PyTorch checkpoint: {error}") from error
    return _state(path, content)


def _state(path: Path, content: Any) -> dict[str, Tensor]:
    """The state dictionary, on its own or under a key of `WRAPPERS`."""
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise InputFileError(f"{path}: no state dictionary in it", needs="name -> tensor")
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if others:
        raise InputFileError(
            f"{path}: no tensors under {', '.join(others[:12])}",
            needs="a state dictionary, on its own or under " + ", ".join(map(repr, WRAPPERS)),
            remedy="torch.save(model.state_dict(), path)",
        )
    return {str(name): value for name, value in content.items()}
