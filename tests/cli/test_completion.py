"""Completion in a real bash: commands, strategies, presets, options and files."""

from __future__ import annotations

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from askew.cli.main import main
from askew.strategies.registry import strategies

BASH = shutil.which("bash")
needs_shtab = pytest.mark.skipif(find_spec("shtab") is None or BASH is None, reason="shtab or bash is not here")


def completed(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What bash offers for the last of the words, as it calls the function that the script registers."""
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", "bash"])
    assert ended.value.code == 0
    (folder / "askew.bash").write_text(capsys.readouterr().out, encoding="utf-8")
    quoted = " ".join(f"'{word}'" for word in words)
    asks = (
        f"source ./askew.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}\n"
        "function=$(complete -p askew | sed 's/.*-F \\([^ ]*\\) .*/\\1/')\n"
        f"$function askew '{words[-1]}' '{words[-2]}' 2>/dev/null\n"
        "printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run([str(BASH), "-c", asks], cwd=folder, capture_output=True, text=True, timeout=240, check=True)
    return sorted({line.strip() for line in done.stdout.splitlines() if line.strip()})


@needs_shtab
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["askew", "r"], ["report", "run"]),
        (["askew", "video", "e"], ["errors"]),
        (["askew", "pick", "ent"], ["entropy"]),
        (["askew", "strategies", "kc"], ["kcenter"]),
        (["askew", "run", "digits-l"], ["digits-longtail"]),
        (["askew", "run", "digits", "--dry"], ["--dry-run"]),
        (["askew", "run", "min"], ["mine.toml"]),
        (["askew", "pick", "entropy", "--probs", "p"], ["p.npy"]),
        (["askew", "pick", "entropy", "--balance-by", "pre"], ["predicted"]),
        (["askew", "--print-completion", "z"], ["zsh"]),
    ],
)
def test_bash_completes(
    tmp_path: Path, words: list[str], offered: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mine.toml", "p.npy"):
        (tmp_path / name).touch()
    assert completed(tmp_path, words, capsys) == offered


@needs_shtab
def test_every_strategy_is_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(completed(tmp_path, ["askew", "pick", ""], capsys)) >= set(strategies())


def test_without_what_writes_it_the_way_out_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("askew.cli.extras.importlib.util.find_spec", lambda _: None)
    assert main(["--print-completion", "bash"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "askew: shell completion needs packages that are not installed: in a clone of askew, "
        'pip install ".[completion]"\n'
    )


def test_an_unknown_shell_is_told_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", "bsh"])
    assert ended.value.code == 2
    assert "did you mean 'bash'? known: bash, tcsh, zsh" in capsys.readouterr().err
