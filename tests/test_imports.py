"""The house's arrows: data flows left to right, so nothing imports from its right, and siblings not at all."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import askew

ORDER = [
    ["errors"],
    ["arrays"],
    ["intervals"],
    ["seeding"],
    ["files"],
    ["blocked"],
    ["boxes"],
    ["pool"],
    ["names"],
    ["predictions"],
    ["recorders"],
    ["kernels"],
    ["strategies", "video"],
    ["pick"],
    ["pseudo_labels"],
    ["plan"],
    ["advice"],
    ["selection"],
    ["picking"],
    ["query"],
    ["informativeness"],
    ["forecast"],
    ["data"],
    ["review", "synth"],
    ["export", "learn"],
    ["experiment", "project"],
    ["report"],
    ["cli"],
]
ROOM = {name: level for level, names in enumerate(ORDER) for name in names}
LIGHT = {name for name, level in ROOM.items() if level <= ROOM["forecast"]}
ALLOWED_OUTSIDE = {"numpy", "scipy", "array_api_compat", "threadpoolctl"}
DISK = {"io", "os", "pathlib", "pickle", "shutil", "socket", "subprocess", "tempfile", "urllib"}
SOURCE = Path(askew.__file__).parent


def imports(path: Path) -> list[tuple[str, int]]:
    """Module and line of every import, also of those within functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            found.append((node.module or "", node.lineno))
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
    return found


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return [p for p in sorted(SOURCE.rglob("*.py")) if p != SOURCE / "__init__.py"]


def test_every_file_stands_in_a_known_room() -> None:
    assert {room_of(path) for path in modules()} <= set(ROOM)


def test_nothing_imports_from_its_right_or_its_sibling() -> None:
    wrong = []
    for path in modules():
        here = room_of(path)
        for module, line in imports(path):
            parts = module.split(".")
            if parts[0] != "askew" or len(parts) == 1:
                continue
            there = parts[1]
            if there not in ROOM:
                continue
            if ROOM[there] > ROOM[here] or (ROOM[there] == ROOM[here] and there != here):
                wrong.append(f"{path.relative_to(SOURCE)}:{line}: {here} imports {there}")
    assert wrong == []


def test_nobody_inside_imports_from_the_top() -> None:
    allowed = {"cli/main.py"}  # asks for the version alone
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in modules()
        for module, line in imports(path)
        if module == "askew" and path.relative_to(SOURCE).as_posix() not in allowed
    ]
    assert wrong == []


def test_the_light_core_depends_on_its_four_dependencies_alone() -> None:
    wrong = []
    for path in modules():
        here = room_of(path)
        if here not in LIGHT:
            continue
        for module, line in imports(path):
            package = module.split(".")[0]
            if package not in sys.stdlib_module_names and package not in ALLOWED_OUTSIDE | {"askew"}:
                wrong.append(f"{path.relative_to(SOURCE)}:{line}: {package}")
    assert wrong == []


def test_the_light_core_reads_and_writes_nothing() -> None:
    """Only `files` touches the disk; the rest takes arrays and gives arrays."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}: {module}"
        for path in modules()
        if room_of(path) in LIGHT - {"files"}
        for module, line in imports(path)
        if module.split(".")[0] in DISK
    ]
    assert wrong == []


def test_importing_askew_brings_no_heavy_library() -> None:
    heavy = "torch torchvision timm sklearn pandas matplotlib cv2 pydantic rich PIL pyarrow sqlalchemy alembic".split()
    code = f"import sys, askew, askew.cli.main; askew.strategies(); print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_oldest_versions_tested_are_the_oldest_promised() -> None:
    root = Path(__file__).parents[1]
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    promised = re.findall(r'"([\w-]+)>=([\d.]+)"', project.split("\ndependencies = [")[1].split("]")[0])
    constraints = (root / "constraints-oldest.txt").read_text(encoding="utf-8")
    tested = re.findall(r"^([\w-]+)==([\d.]+)\.\*$", constraints, flags=re.MULTILINE)
    assert sorted(promised) == sorted(tested)
    assert {name.replace("-", "_") for name, _ in promised} == ALLOWED_OUTSIDE
