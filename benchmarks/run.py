"""Runs every timing of this folder, one after the other; each writes benchmarks/results/<name>.json."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HELPERS = {"run", "common"}
UNTIMED = {"forecast", "demand_coverage", "tuning"}
"""They judge intervals or a strategy, or need data that they are told of, so they are run by hand."""


def main() -> int:
    """Runs them all and returns 1 if one failed."""
    scripts = [p for p in sorted(Path(__file__).parent.glob("*.py")) if p.stem not in HELPERS | UNTIMED]
    failed = []
    for script in scripts:
        print(f"== {script.stem}", flush=True)
        if subprocess.run([sys.executable, str(script), *sys.argv[1:]], check=False).returncode:
            failed.append(script.stem)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
