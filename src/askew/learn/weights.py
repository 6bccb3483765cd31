"""Weights from files: safetensors, or checkpoints that hold nothing but tensors. Pickled code is never run."""

from __future__ import annotations

import socket
import threading
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from askew.data.reading import decoding, plain_file
from askew.errors import InputError

HUB_SECONDS = 5.0
"""How long the hub may take to answer at all."""

WRAPPERS = ("state_dict", "model", "model_state_dict")
"""Keys under which training scripts put the weights among other things."""

PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.", "body.")
"""What wrappers put before the names."""


def read(path: Path) -> dict[str, Tensor]:
    """Returns the named tensors of a file, with wrappers' keys and common prefixes taken off.

    Raises:
        DataNotFound: no such file.
        InputError: the file is damaged, or holds other things than tensors.
    """
    what = f"weights: {path}"
    plain_file(path, what)
    with decoding(what, "plain tensors"):
        if path.suffix == ".safetensors":
            loaded: Any = load_file(path)
        else:
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    for key in WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    named = isinstance(loaded, Mapping) and all(isinstance(k, str) for k in loaded)
    if not named or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise InputError(f"weights: {path} does not hold named tensors")
    return _without_prefix(dict(loaded))


def first_line(error: Exception) -> str:
    """Returns the first line of an error's message, or what kind it is if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def from_hub(name: str, *, setting: str = "pretrained", instead: str = "FILE") -> dict[str, str]:
    """Returns what timm needs in order to get its weights of `name` without waiting for a hub that cannot be reached.

    Nothing if the hub answers; otherwise the file that an earlier download left in the hub's cache. Left to itself the
    hub's client asks ten times and waits between, a minute in all.

    Args:
        name: of the network.
        setting: what the user set, for messages.
        instead: what the user can set in its place.

    Raises:
        InputError: the hub cannot be reached, and the weights are not in its cache.
    """
    import timm
    from huggingface_hub import constants, try_to_load_from_cache

    config = timm.get_pretrained_cfg(name)
    repository = None if config is None else config.hf_hub_id
    if config is None or not repository or constants.HF_HUB_OFFLINE:
        return {}
    host, why = _unreachable(constants.ENDPOINT)
    if why is None:
        return {}
    for file in ("model.safetensors", "pytorch_model.bin"):
        found = try_to_load_from_cache(repository, config.hf_hub_filename or file)
        if isinstance(found, str):
            return {"file": found} if found.endswith(".safetensors") else {}
    raise InputError(
        f"{setting}: timm's weights of {name} are not on this machine, and {host} cannot be reached ({why}): download "
        f'them elsewhere and give the file, {setting} = "{instead}"'
    )


def _unreachable(endpoint: str) -> tuple[str, str | None]:
    """Returns whom a request to an address goes to first (its host or a proxy), and why nobody answers, or None.

    A thread asks: looking up a name knows no limit of time by itself, and each of a host's addresses has its own.
    """
    address = urllib.parse.urlsplit(endpoint)
    proxies = urllib.request.getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    if proxy and not urllib.request.proxy_bypass(address.hostname or ""):
        address = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}", "http")
    host, port = address.hostname or "", address.port or (443 if address.scheme == "https" else 80)
    said: list[str | None] = [f"no answer in {HUB_SECONDS:g} s"]

    def ask() -> None:
        try:
            socket.create_connection((host, port), timeout=HUB_SECONDS).close()
            said.append(None)
        except OSError as error:
            said.append(error.strerror or str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_SECONDS)
    return host, said[-1]


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            return _without_prefix({name.removeprefix(prefix): tensor for name, tensor in tensors.items()})
    return tensors


def load(body: nn.Module, path: Path) -> None:
    """Fills a body with the weights of a file; what the file has beyond the body (its old head) is passed over.

    EfficientNet files in the naming of lukemelas' and of the -Lite PyTorch packages (`_conv_stem.weight`, …) are taken
    for timm's `tf_efficientnet_…`: both list the same tensors in the order in which they are used.

    Raises:
        InputError: a weight of the body is not in the file, or has another shape there.
    """
    found = read(path)
    if "_conv_stem.weight" in found and "conv_stem.weight" in body.state_dict():
        found = dict(zip(body.state_dict(), found.values(), strict=False))
    fill(body, found, path)


def fill(body: nn.Module, found: Mapping[str, Tensor], path: Path) -> None:
    """Fills a body with named tensors; those of other names are passed over.

    Args:
        body: what is filled.
        found: the tensors.
        path: the file that they are from, for messages.

    Raises:
        InputError: a weight of the body is not there, or has another shape.
    """
    wanted = body.state_dict()
    missing = [n for n in wanted if n not in found and not n.endswith("num_batches_tracked")]
    if missing:
        raise InputError(
            f"weights: {path} lacks {len(missing)} of the {len(wanted)} weights of the backbone, first {missing[0]!r}; "
            f"it begins with {next(iter(found), None)!r}"
        )
    unlike = [n for n in wanted if n in found and found[n].shape != wanted[n].shape]
    if unlike:
        raise InputError(
            f"weights: {path}: {unlike[0]!r} is {tuple(found[unlike[0]].shape)}, the backbone's is "
            f"{tuple(wanted[unlike[0]].shape)}"
        )
    body.load_state_dict({n: found[n] for n in wanted if n in found}, strict=False)
