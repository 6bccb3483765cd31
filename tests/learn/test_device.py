"""Where arithmetic runs: devices by name, number formats by processor, and generators that are put back."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from askew.errors import InputError  # noqa: E402
from askew.learn import device as devices  # noqa: E402
from askew.learn.device import choose, number_format, processor_has_bfloat16, seeded  # noqa: E402

CPU = torch.device("cpu")


def test_devices_by_name() -> None:
    assert choose("cpu") == CPU
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert choose("auto") == CPU


@pytest.mark.parametrize(
    ("name", "words"),
    [("gpu", "'gpu' is none"), ("cuda:99", "not on this machine"), ("meta", "not supported"), ("", "is none")],
)
def test_what_is_no_device_here_is_said(name: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        choose(name)


def test_a_format_that_is_named_is_taken_and_auto_asks_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert number_format(CPU, "off") == torch.float32
    assert number_format(CPU, "bfloat16") == torch.bfloat16
    assert number_format(CPU, "float16") == torch.float16
    for native, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(devices, "processor_has_bfloat16", lambda native=native: native)
        assert number_format(CPU, "auto") == expected


@pytest.mark.parametrize(
    ("text", "native"),
    [("flags\t\t: fpu sse amx_bf16\nbugs: x\n", True), ("flags\t\t: fpu sse\nbugs: avx512_bf16\n", False), ("", False)],
)
def test_bfloat16_is_read_from_the_processors_flags(monkeypatch: pytest.MonkeyPatch, text: str, native: bool) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    processor_has_bfloat16.cache_clear()
    assert processor_has_bfloat16() is native
    processor_has_bfloat16.cache_clear()


def test_generators_are_seeded_inside_and_put_back_outside() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    with seeded(CPU, 5):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    with seeded(CPU, 5):
        assert torch.equal(torch.rand(4), first)
    with seeded(CPU, 6):
        assert not torch.equal(torch.rand(4), first)
    with pytest.raises(RuntimeError), seeded(CPU, 5):
        torch.rand(-1)
    assert torch.equal(torch.get_rng_state(), before)
