"""Makes the pages of the documentation that say what the code says: strategies, commands, configuration, API.

    python scripts/make_docs.py           writes them
    python scripts/make_docs.py --check   exits 1 and names the pages that are stale, writes nothing

A page that it made begins with a mark; a marked page that no code stands behind any more is removed.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import advice_page
import benchmark_page
import demand_page
import forecast_page
import seeds_page
import wins_page

import askew
from askew.cli.main import parser as command_line
from askew.experiment import config
from askew.learn.model import NetworkModel

DOCS = Path(__file__).resolve().parent.parent / "docs"
MARK = "<!-- made by scripts/make_docs.py from the code: change the docstring, not this page -->"

SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises):$")
ENTRY = re.compile(r"^    (\*{0,2}\w[\w, *]*?): (.*)$")

SECTIONS = {
    "Top": "ExperimentConfig",
    "[data]": "DataConfig",
    "[data.long_tail]": "LongTailConfig",
    "[learner]": "LearnerConfig",
    "[protocol]": "ProtocolConfig",
    "[pool]": "PoolConfig",
    "[[strategies]]": "StrategyConfig",
    "[strategies.pseudo_labels]": "PseudoLabelsConfig",
    "[vaal]": "VaalConfig",
    "[paper]": "PaperConfig",
}
"""The configuration's sections and the classes that check them."""

DESK = """A file may have two scales: what stands at the top is `--scale full`, and `[desk]` holds what is different at
`--scale desk`: `[desk.data]`, `[desk.protocol]`, `[[desk.strategies]]`, …, with the keys above. Its tables are laid
over those of the file key by key; a list, and a value, takes the place of the other. The experiment's name gets
`-full` or `-desk` at its end. Both scales are checked whenever the file is read. `askew run` takes the desk scale
unless it is told otherwise."""
"""What the configuration's page says of `[desk]`."""

WORDS = {
    "list[float]": "list of numbers",
    "list[int]": "list of whole numbers",
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "StrictBool": "true or false",
    "StrictFloat": "number",
}
"""What a person calls the values of a TOML file."""

COMPLETION = """## Completion

`askew --print-completion bash` prints a script. With it the shell completes commands, options, strategies, presets and
files. `zsh` and `tcsh` are known too. To print it needs `pip install ".[completion]"`; to use it needs nothing. Bash
finds it here:

```text
mkdir -p ~/.local/share/bash-completion/completions
askew --print-completion bash > ~/.local/share/bash-completion/completions/askew
```"""

KINDS = {
    "scorer": "a score for every item; `balance=` works with it, with a proof of how good the answer is (Eq. 4.8)",
    "greedy": "a gain for every item, updated after each pick; `balance=` works with it, pick by pick (Algorithm 2)",
    "selector": "picks its set by itself; it cannot be balanced",
}


def pages() -> dict[str, str]:
    """Returns path below `docs/` to text, for every page that is made from the code."""
    catalogue = askew.strategies()
    made = {f"strategies/{name}.md": strategy_page(entry) for name, entry in catalogue.items()}
    made["strategies/index.md"] = strategy_index(catalogue)
    made["commands.md"] = command_page(command_line())
    made["configuration.md"] = configuration_page()
    made["api.md"] = api_page()
    made["benchmarks.md"] = benchmark_page.page()
    made["seeds.md"] = seeds_page.page()
    made["advice.md"] = advice_page.page()
    made["forecast.md"] = forecast_page.page()
    made["demand-coverage.md"] = demand_page.page()
    made["strategies/wins.md"] = wins_page.page()
    marked = {name: f"{MARK}\n\n{text.strip()}\n" for name, text in made.items()}
    return {**marked, "images/pairwise-wins.svg": wins_page.figure()}


def stale(docs: Path = DOCS) -> list[str]:
    """Returns, with the reason, the pages below `docs` that differ from what the code says."""
    made = pages()
    wrong = [f"{name}: is missing" for name in made if not (docs / name).is_file()]
    wrong += [
        f"{name}: differs from the code"
        for name, text in made.items()
        if (docs / name).is_file() and (docs / name).read_text(encoding="utf-8") != text
    ]
    return wrong + [f"{name}: nothing in the code stands behind it" for name in _orphans(docs, made)]


def write(docs: Path = DOCS) -> None:
    """Writes every page below `docs` and removes those that nothing stands behind any more."""
    made = pages()
    for name in _orphans(docs, made):
        (docs / name).unlink()
    for name, text in made.items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, encoding="utf-8")


def _orphans(docs: Path, made: Mapping[str, str]) -> list[str]:
    marked = (path for path in sorted(docs.rglob("*.md")) if path.read_text(encoding="utf-8").startswith(MARK))
    return [name for path in marked if (name := path.relative_to(docs).as_posix()) not in made]


def strategy_index(catalogue: Mapping[str, askew.Strategy]) -> str:
    """Returns the table of all strategies."""
    rows = [
        f"| [`{name}`]({name}.md) | {entry.kind} | {_code(entry.needs) or 'nothing'} | {_cell(entry.summary)} |"
        for name, entry in catalogue.items()
    ]
    kinds = "\n".join(f"- **{kind}**: {what}." for kind, what in KINDS.items())
    return (
        "# Strategies\n\nA strategy says which unlabeled items a person should label next. "
        "`askew strategies` prints this list, `askew.strategies()` returns it, and "
        "[a new one](../adding-a-strategy.md) is one file. What was measured of each stands on its page, and "
        "[which strategy beats which](wins.md) on one of all. The word `auto` in a strategy's place leaves the choice "
        "to [`askew advise`](../advice.md).\n\n"
        "| strategy | kind | reads | what it does |\n|---|---|---|---|\n"
        + "\n".join(rows)
        + f"\n\n## Kinds\n\n{kinds}\n"
    )


def strategy_page(entry: askew.Strategy) -> str:
    """Returns the page of one strategy."""
    needs = "".join(f", {name}={name}" for name in entry.needs)
    balanced = "" if entry.kind == "selector" else ", probs=probs, balance=0.6"
    if "probs" in entry.needs:
        balanced = balanced.replace(", probs=probs", "")
    calls = [f'askew.query("{entry.name}", 100, labels=labels{needs})']
    calls += [f'askew.query("{entry.name}", 100, labels=labels{needs}{balanced})'] if balanced else []
    parameters = [f"| `{name}` | `{default!r}` |" for name, default in entry.parameters.items()]
    head = "\n\n## Parameters\n\n| parameter | default |\n|---|---|\n"
    table = head + "\n".join(parameters) if parameters else ""
    chance = "It draws at random: another seed, another answer." if entry.stochastic else "The seed settles ties only."
    also = ", of the labelled items too" if entry.reads_labeled else ""
    if entry.instead:
        also += f"; {_code(entry.instead)} where a parameter is set, or where only that is given"
    return (
        f"# {entry.name}\n\n{markdown(entry.fn.__doc__)}\n\n"
        f"- **Kind**: {entry.kind}: {KINDS[entry.kind]}.\n- **Reads**: {_code(entry.needs) or 'nothing'}{also}.\n"
        f"- **Source**: {' '.join(entry.paper.split())}.\n- **Chance**: {chance}\n\n"
        "With arrays of your model, in which row *i* is pool item *i*, and labels, -1 where there is none:\n\n"
        "<!-- install: light -->\n\n```python\nimport askew\n\n"
        + "\n".join(calls)
        + f"\n```{table}{wins_page.row(entry.name)}"
    )


def command_page(top: argparse.ArgumentParser) -> str:
    """Returns the reference of the command line, read from its parser."""
    parts = [f"# Commands\n\n{top.description or ''}\n"]
    for action in _subcommands(top):
        helps = {choice.dest: choice.help for choice in action._choices_actions}
        parts.append("| command | |\n|---|---|")
        parts[-1] += "".join(
            f"\n| [`{name}`](#{_anchor(top.prog, name)}) | {helps.get(name) or ''} |" for name in action.choices
        )
        for name, parser in action.choices.items():
            parts += _command(parser, f"{top.prog} {name}", depth=2)
    parts.append(
        "## Exit status\n\n0: done. 1: a run of the experiment failed; the others are kept. 2: something that you can "
        "mend, said in one line; files are as they were."
    )
    parts.append(COMPLETION)
    return "\n\n".join(parts)


def _command(parser: argparse.ArgumentParser, name: str, depth: int) -> list[str]:
    parts = [f"{'#' * depth} {name}", parser.description or ""]
    positional = [a for a in parser._actions if not a.option_strings and not isinstance(a, argparse._SubParsersAction)]
    options = [a for a in parser._actions if a.option_strings and not isinstance(a, argparse._HelpAction)]
    usage = " ".join([name, *(_shown(a) for a in positional), *(_invocation(a) for a in options if a.required)])
    usage += " [options]" if any(not a.required for a in options) else ""
    if not _subcommands(parser):
        parts.append(f"```text\n{usage}\n```")
    rows = [f"| `{_shown(a).strip('[]')}` | {_cell(a.help or '')} |" for a in positional]
    rows += [f"| `{_invocation(a)}` | {_cell(a.help or '')} |" for a in options]
    if rows:
        parts.append("| argument | |\n|---|---|\n" + "\n".join(rows))
    for action in _subcommands(parser):
        for below, its in action.choices.items():
            parts += _command(its, f"{name} {below}", depth + 1)
    return parts


def _subcommands(parser: argparse.ArgumentParser) -> list[Any]:
    return [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]


def _shown(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest)
    return {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …"}.get(str(action.nargs), name)


def _invocation(action: argparse.Action) -> str:
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    if action.choices:
        return f"{names} {{{','.join(str(choice) for choice in action.choices)}}}"
    return f"{names} {action.metavar or action.dest.upper()}"


def configuration_page() -> str:
    """Returns the reference of the configuration, read from the source of the classes that check it."""
    classes = {name: _class(getattr(config, name)) for name in SECTIONS.values()}
    parts = [
        "# Configuration",
        "An experiment is a TOML file. These are all its keys; another one is an error that names the nearest. "
        "[Experiments](experiments.md) tells what to do with it.",
    ]
    for title, name in SECTIONS.items():
        rows = "\n".join(_key(key, of_type, default, what) for key, of_type, default, what in _fields(classes[name]))
        head = "| key | value | default | |\n|---|---|---|---|"
        parts += [f"## {title}", ast.get_docstring(classes[name]) or "", f"{head}\n{rows}"]
    parts += ["## [desk]", DESK]
    return "\n\n".join(parts)


def _class(of: type) -> ast.ClassDef:
    """Returns the source of a class, parsed."""
    [node] = ast.parse(inspect.getsource(of)).body
    assert isinstance(node, ast.ClassDef), "the source of a class is one"
    return node


def _fields(node: ast.ClassDef) -> Iterable[tuple[str, str, str | None, str]]:
    """Yields name, type, default and docstring of each annotated field of a class."""
    for field, after in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            what = str(after.value.value) if told else ""
            yield (
                field.target.id,
                ast.unparse(field.annotation),
                ast.unparse(field.value) if field.value else None,
                what,
            )


def _key(key: str, of_type: str, default: str | None, what: str) -> str:
    section = next((title for title, name in SECTIONS.items() if name in of_type), None)
    value = f"see [{title_of(section)}](#{''.join(re.findall(r'[a-z_]+', section))})" if section else _readable(of_type)
    shown = "required" if default is None else "" if default == "None" or section else f"`{_toml(default)}`"
    return f"| `{key}` | {_cell(value)} | {shown} | {_cell(what)} |"


def _toml(default: str) -> str:
    return json.dumps(ast.literal_eval(default)) if default != "''" else '""'


def title_of(section: str) -> str:
    """Writes a section's title so that Markdown does not take its brackets for a link."""
    return section.replace("[", "\\[").replace("]", "\\]")


def _readable(of_type: str) -> str:
    """Writes a field's type for a person: `Annotated[int, Field(gt=0)] | None` is "int, above 0"."""
    bounds = {"gt": "above", "ge": "from", "lt": "below", "le": "to"}
    told = [f"{bounds[name]} {value}" for name, value in re.findall(r"\b(gt|ge|lt|le)=([\d.]+)", of_type)]
    told += ["not empty"] if "min_length=1" in of_type else []
    plain = re.sub(r"Annotated\[(.*?), Field\([^)]*\)\]", r"\1", of_type).replace(" | None", "")
    for literal in re.findall(r"Literal\[([^\]]*)\]", plain):
        plain = plain.replace(
            f"Literal[{literal}]", " or ".join(f"`{json.dumps(c)}`" for c in ast.literal_eval(f"({literal},)"))
        )
    plain = re.sub(r"dict\[.*\]", "table", plain).replace(" | ", " or ")
    for name, word in WORDS.items():
        plain = plain.replace(name, word)
    return ", ".join([plain, *told])


def api_page() -> str:
    """Returns the reference of the package's public names."""
    parts = [
        "# API",
        "Everything here is imported as `askew.NAME`. Row *i* of every array is pool item *i*. Equations, figures "
        "and algorithms have the numbers of the thesis. Eq. 4.8 is the balanced selection of a scorer, and Algorithm 2 "
        "that of a greedy strategy.",
    ]
    for name in askew.__all__:
        value = getattr(askew, name)
        if isinstance(value, ModuleType):
            parts += [f"## askew.{name}", markdown(value.__doc__)]
            for below, inner in _public(value):
                parts += _entry(f"askew.{name}.{below}", inner, depth=3)
        else:
            parts += _entry(f"askew.{name}", value, depth=2)
        if value is askew.Classifier:
            parts += ["### NetworkModel", "What `fit` and `load` return; nobody makes one by hand."]
            parts += _members(NetworkModel, depth=4)
    return "\n\n".join(parts)


def _public(module: ModuleType) -> list[tuple[str, Any]]:
    """Lists a module's public classes and functions: its `__all__`, or else what it defines."""
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    found = [(name, getattr(module, name)) for name in names]
    return [(name, value) for name, value in found if inspect.isclass(value) or inspect.isfunction(value)]


def _entry(name: str, value: Any, depth: int) -> list[str]:
    parts = [f"{'#' * depth} {name}"]
    if inspect.isclass(value) and not issubclass(value, Exception):
        parts += [_signature(name, value), markdown(inspect.getdoc(value))]
        parts += _methods(name, value, depth + 1)
    elif inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__)
        parts += [f"*An error; a kind of {bases}.*", markdown(inspect.getdoc(value))]
    else:
        parts += [_signature(name, value), markdown(value.__doc__)]
    return parts


def _members(value: type, depth: int) -> list[str]:
    """Returns what a class is and does, without how it is made."""
    return [markdown(inspect.getdoc(value)), *_methods(value.__name__, value, depth)]


def _methods(name: str, value: type, depth: int) -> list[str]:
    parts: list[str] = []
    for below, member in vars(value).items():
        function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if not below.startswith("_") and inspect.isfunction(function) and function.__doc__:
            parts += [f"{'#' * depth} {name}.{below}", _signature(f".{below}", function), markdown(function.__doc__)]
    return parts


def _signature(name: str, value: Any) -> str:
    """Writes a call as in its source, one parameter a line if it is long."""
    signature = inspect.signature(value)
    shown: list[str] = []
    star = False
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        star |= parameter.kind is parameter.VAR_POSITIONAL
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            shown.append("*")
            star = True
        prefix = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
        shown.append(f"{prefix}{parameter.name}{_annotation(parameter.annotation)}{default}")
    result = "" if inspect.isclass(value) else _annotation(signature.return_annotation, " -> ")
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) > 100:
        line = f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + f"){result}"
    return f"```python\n{line}\n```"


def _annotation(annotation: Any, before: str = ": ") -> str:
    if annotation is inspect.Signature.empty:
        return ""
    return before + (annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation)))


def _default(value: Any) -> str:
    """Writes a default without what changes from one process to the next."""
    return re.sub(r"<(?:function|class) '?([\w.]+)'?[^>]*>|<factory>", r"\1…", repr(value))


def markdown(docstring: str | None) -> str:
    """Returns a docstring of the house's form as Markdown: its sections as lists, its examples and drawings as code."""
    lines = inspect.cleandoc(docstring or "").split("\n")
    out: list[str] = []
    section, fence = False, ""
    for number, line in enumerate(lines):
        if fence and not _goes_on(fence, line, lines[number + 1 :]):
            out += ["```", ""]
            fence = ""
        if fence:
            out.append(line[4:] if fence == "text" else line)
        elif line.startswith(">>> "):
            fence = "pycon"
            out += ["", "```pycon", line]
        elif SECTION.match(line):
            section = True
            out += [f"**{line[:-1]}**", ""]
        elif line.startswith("    ") and not section:
            fence = "text"
            out += ["```text", line[4:]]
        elif section and line.startswith("    "):
            out.append(_item(line))
        else:
            section = section and not line
            out.append(line)
    out += ["```"] if fence else []
    return re.sub(r"\n{3,}", "\n\n", "\n".join(out)).strip()


def _goes_on(fence: str, line: str, rest: list[str]) -> bool:
    if fence == "pycon":
        return line != ""
    following = next((one for one in rest if one), "")
    return line.startswith("    ") or (line == "" and following.startswith("    "))


def _item(line: str) -> str:
    entry = ENTRY.match(line)
    if entry:
        return f"- `{entry[1]}`: {entry[2]}"
    return f"  {line.strip()}" if line.startswith("     ") else f"- {line.strip()}"


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _anchor(*words: str) -> str:
    return "-".join(words).lower()


def main(argv: list[str] | None = None) -> int:
    """Writes the pages, or with `--check` says which are stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    if not parser.parse_args(argv).check:
        write()
        return 0
    wrong = stale()
    for line in wrong:
        print(f"docs/{line}", file=sys.stderr)
    if wrong:
        print("run: python scripts/make_docs.py", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
