"""The documentation says what the code says: generated pages are fresh, examples run, commands and links exist."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def make_docs() -> ModuleType:
    """The script that makes the generated pages, as a module."""
    pytest.importorskip("torch", reason="the API pages describe the learners too")
    import make_docs

    return make_docs


def test_no_generated_page_is_stale(make_docs: ModuleType) -> None:
    assert make_docs.stale() == [], "run: python scripts/make_docs.py"


def test_stale_pages_are_found_and_mended(make_docs: ModuleType, tmp_path: Path) -> None:
    make_docs.write(tmp_path)
    assert make_docs.stale(tmp_path) == []
    (tmp_path / "commands.md").unlink()
    with (tmp_path / "strategies" / "entropy.md").open("a", encoding="utf-8") as file:
        file.write("more\n")
    (tmp_path / "strategies" / "gone.md").write_text(f"{make_docs.MARK}\n\n# gone\n", encoding="utf-8")
    (tmp_path / "mine.md").write_text("# by hand\n", encoding="utf-8")
    assert make_docs.stale(tmp_path) == [
        "commands.md: is missing",
        "strategies/entropy.md: differs from the code",
        "strategies/gone.md: nothing in the code stands behind it",
    ]
    make_docs.write(tmp_path)
    assert make_docs.stale(tmp_path) == []
    assert (tmp_path / "mine.md").is_file()


def test_every_command_and_option_has_its_place(make_docs: ModuleType) -> None:
    text = make_docs.command_page(make_docs.command_line())
    for action in make_docs._subcommands(make_docs.command_line()):
        for name, parser in action.choices.items():
            assert f"## askew {name}" in text
            for option in parser._actions:
                assert all(one in text for one in option.option_strings if one not in ("-h", "--help"))


def test_every_configuration_key_has_its_place(make_docs: ModuleType) -> None:
    from askew.experiment import config

    text = make_docs.configuration_page()
    for name in make_docs.SECTIONS.values():
        for key in getattr(config, name).model_fields:
            assert f"| `{key}` |" in text, f"{name}.{key}"


def test_docstrings_become_markdown(make_docs: ModuleType) -> None:
    docstring = """Computes it.

    A drawing:

        a ──> b

        c

    Args:
        scores: (N,) floats,
            on two lines.
        n: how many.

    Returns:
        (n,) indices.

    >>> 1 + 1
    2

    The end.
    """
    assert make_docs.markdown(docstring).split("\n") == [
        "Computes it.",
        "",
        "A drawing:",
        "",
        "```text",
        "a ──> b",
        "",
        "c",
        "```",
        "",
        "**Args**",
        "",
        "- `scores`: (N,) floats,",
        "  on two lines.",
        "- `n`: how many.",
        "",
        "**Returns**",
        "",
        "- (n,) indices.",
        "",
        "```pycon",
        ">>> 1 + 1",
        "2",
        "```",
        "",
        "The end.",
    ]


def test_the_answers_of_the_quickstart_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    for block in blocks(DOCS / "quickstart.md", "python"):
        if "photos" not in block:
            exec(compile(block, "quickstart.md", "exec"), space)
    assert len(set(space["chosen"].tolist())) == 20
    assert (space["labels"][space["items"]] == -1).all()
    assert set(space["items"].tolist()) == set(space["found"].chosen.tolist())  # the solver's pick is that of the call
    assert (space["labels"][space["chosen"]] == -1).all()


def test_the_quickstart_goes_from_a_folder_of_pictures_to_the_files_to_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    from PIL import Image

    from askew.learn.training import PRESETS, Training

    monkeypatch.setitem(PRESETS, "default", Training(epochs=2, batch=8))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    unlabeled = []
    for i in range(60):
        light = rng.integers(0, 256, (8, 8, 3)) // 2 + (100 if i % 2 else 0)
        folder = tmp_path / "photos" / (("cat", "dog")[i % 2] if i < 20 else "")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(light.astype(np.uint8)).save(folder / f"{i}.jpg")
        unlabeled += [f"{i}.jpg"] if i >= 20 else []
    space: dict[str, Any] = {}
    [block] = [one for one in blocks(DOCS / "quickstart.md", "python") if "Images.of" in one]
    assert len(block.split("\n\n")[1].splitlines()) == 5
    exec(compile(block.replace("64", "8"), "quickstart.md", "exec"), space)
    asked = ast.literal_eval(capsys.readouterr().out)
    assert len(set(asked)) == 10
    assert set(asked) <= set(unlabeled)
    sure = space["probs"].max(axis=1)
    rest = [sure[i] for i, name in enumerate(space["photos"].names) if name in set(unlabeled) - set(asked)]
    assert max(sure[space["chosen"]]) <= min(rest)


def test_the_weight_on_the_page_on_balance_is_found() -> None:
    space: dict[str, Any] = {}
    for block in blocks(DOCS / "balance.md", "python"):
        exec(compile(block, "balance.md", "exec"), space)
    assert space["found"].weight > 0


def test_the_figures_of_pretraining_are_those_of_the_run() -> None:
    run = json.loads((ROOT / "results" / "simsiam-cifar10.json").read_text(encoding="utf-8"))
    text = (DOCS / "features.md").read_text(encoding="utf-8")
    assert set(run["knn"]) == {"raw pixels", "random network", "random network, normalisations settled", "SimSiam"}
    for share in run["knn"].values():
        assert f"{100 * share:.1f}%" in text
    minutes = sum(epoch["seconds"] for epoch in run["epochs"]) / 60
    assert f"{minutes:.0f} minutes of one core" in text
    assert run["threads"] == 1


def test_the_readme_asks_for_what_has_no_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space: dict[str, Any] = {}
    for block in blocks(ROOT / "README.md", "python"):
        exec(compile(block, "README.md", "exec"), space)
    assert len(set(space["chosen"].tolist())) == 20
    assert (space["labels"][space["chosen"]] == -1).all()


def test_no_two_examples_are_one_experiment() -> None:
    from askew.experiment.study import of, tomllib

    names = [
        of(tomllib.loads(block), page.name).name
        for page in [*PAGES, ROOT / "README.md"]
        for block in blocks(page, "toml")
    ]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_what_is_installed_is_the_repository(page: Path) -> None:
    """askew is on no index yet: `pip install askew` would fetch nothing, or a stranger's package."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"pip install \"?askew", text) == []
    for extra in re.findall(r'pip install "\.\[(\w+)\]"', text):
        assert f"\n{extra} = [" in PYPROJECT


def test_the_strategies_of_the_guide_are_strategies() -> None:
    from askew.pool import Pool
    from askew.predictions import Predictions
    from askew.query import query

    space: dict[str, Any] = {"__name__": "askew.strategies.ratio"}
    block, greedy, field = blocks(DOCS / "adding-a-strategy.md", "python")
    exec(compile(block, "adding-a-strategy.md", "exec"), space)
    entry = space["ratio"].strategy
    assert (entry.kind, entry.needs, dict(entry.parameters)) == ("scorer", ("probs",), {"power": 1.0})
    pred = Predictions(probs=np.array([[0.5, 0.5], [0.8, 0.2], [1.0, 0.0]]))
    scores = entry.fn(pred, Pool.without_labels(3), power=2.0)
    np.testing.assert_allclose(scores, [1, 1 / 16, 0])
    exec(compile(greedy, "adding-a-strategy.md", "exec"), space)
    places = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.0]])  # three items, then two, then one; the first is known
    assert query(space["cover"], 2, features=places, labels=[0, -1, -1, -1, -1, -1])[0] in (3, 4)
    exec(compile(field, "adding-a-strategy.md", "exec"), space)
    assert Predictions(surprise=[0.5, 1.0]).n_items == 2
    from askew import predictions

    del predictions._TABLE["surprise"]


@pytest.mark.parametrize(
    "page", [page for page in [*PAGES, ROOT / "README.md"] if blocks(page, "toml")], ids=lambda page: page.name
)
def test_every_configuration_in_the_docs_is_valid(page: Path) -> None:
    from askew.experiment.study import of, tomllib

    for block in blocks(page, "toml"):
        of(tomllib.loads(block), page.name)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_command_in_the_docs_parses(page: Path) -> None:
    from askew.cli.main import parser

    for block in blocks(page, "bash"):
        for line in re.findall(r"^(askew .*)$", block, flags=re.MULTILINE):
            parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_link_in_the_docs_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"(?<!\\)\]\(([^)\s]+)\)", prose)
    missing = [
        t for t in targets if "://" not in t and t.split("#")[0] and not (page.parent / t.split("#")[0]).exists()
    ]
    assert missing == []


def test_every_page_of_the_site_is_there() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:\n")[1]
    listed = set(re.findall(r": (\S+\.\w+)$", nav, flags=re.MULTILINE))
    below = {page.relative_to(DOCS).as_posix() for page in PAGES if page.parent == DOCS} | {"strategies/index.md"}
    assert sorted(name for name in listed if not (DOCS / name).is_file()) == []
    assert sorted(below - listed) == []


def test_the_api_page_says_what_a_classifier_returns(make_docs: ModuleType) -> None:
    page = make_docs.api_page()
    for heading in ("### NetworkModel\n", "#### NetworkModel.predict\n", "#### NetworkModel.save\n"):
        assert page.count(heading) == 1
