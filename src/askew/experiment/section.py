"""What every section of an experiment's TOML file has in common."""

from __future__ import annotations

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
"""A section is frozen, of strict types, and has no unknown keys."""
