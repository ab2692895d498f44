"""What pip calls to build ipyrust from source: maturin, once it is sure that it can be built.

maturin itself would download Rust where there is none, and hang where it cannot. Whoever
gets here has no wheel for their Python and system, and may not know that anything is needed.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from maturin import *  # noqa: F403
from maturin import get_requires_for_build_editable as _editable_requirements
from maturin import get_requires_for_build_wheel as _wheel_requirements

_ROOT = Path(__file__).resolve().parents[1]
_LINKERS = ("cc", "gcc", "clang")


def _missing() -> list[str]:
    """What has to be installed first, each with how."""
    missing = []
    if not shutil.which(os.environ.get("CARGO") or "cargo"):
        manifest = (_ROOT / "Cargo.toml").read_text()
        least = re.findall(r'^rust-version = "(.+)"', manifest, re.MULTILINE)[0]
        missing.append(f"Rust {least} or newer with cargo (see https://rustup.rs)")
    # No C is compiled, but rustc has a C compiler link. Another linker is cargo's to look for.
    told = any(re.fullmatch("CARGO_TARGET_.*_LINKER", name) for name in os.environ)
    if not told and not any(map(shutil.which, _LINKERS)):
        missing.append(
            "a C compiler, which links (Debian and Ubuntu: gcc libc6-dev, Fedora: gcc, "
            "macOS: xcode-select --install)"
        )
    return missing


def _check() -> None:
    if missing := _missing():
        raise SystemExit(
            "error: pip found no wheel of ipyrust for this Python and system, and to build it "
            f"needs: {'; '.join(missing)}"
        )


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:
    _check()
    requirements: list[str] = _wheel_requirements(config_settings)
    return requirements


def get_requires_for_build_editable(config_settings: object = None) -> list[str]:
    _check()
    requirements: list[str] = _editable_requirements(config_settings)
    return requirements
