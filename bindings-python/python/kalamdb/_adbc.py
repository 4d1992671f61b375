"""Where ADBC's driver managers find the driver: this package's own library.

Source: Apache Arrow, "ADBC Driver Manager and Manifests".
"""

import os
import platform
import sys
from pathlib import Path

from . import _kalamdb

ENTRYPOINT = "AdbcKalamdbInit"
_MANIFEST = "kalamdb.toml"
_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def driver_path() -> str:
    """The library that is the driver."""
    return str(Path(_kalamdb.__file__ or "").resolve())


def manifest() -> str:
    """What tells a driver manager of the driver, in TOML."""
    return f"""\
manifest_version = 1
name = "KalamDB"
publisher = "KalamDB"
license = "Apache-2.0"
version = {_quoted(_kalamdb.__version__)}
source = "python"

[ADBC]
version = "1.1.0"

[Driver]
entrypoint = {_quoted(ENTRYPOINT)}

[Driver.shared]
{_platform()} = {_quoted(driver_path())}
"""


def user_folder() -> Path:
    """Where driver managers look for the drivers of a user."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "ADBC" / "Drivers"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "ADBC" / "Drivers"
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "adbc" / "drivers"


def environment_folder() -> Path:
    """Where Python's driver manager looks for the drivers of a virtual environment."""
    return Path(sys.prefix) / "etc" / "adbc" / "drivers"


def install(folder: Path) -> Path:
    """Write the manifest, whole or not at all, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _MANIFEST
    part = folder / f".{_MANIFEST}.{os.getpid()}"
    part.write_text(manifest(), encoding="utf-8")
    part.replace(path)
    return path


def uninstall(folder: Path) -> bool:
    """Remove the manifest; false if there is none."""
    path = folder / _MANIFEST
    is_there = path.exists()
    path.unlink(missing_ok=True)
    return is_there


def _platform() -> str:
    machine = platform.machine().lower()
    system = _SYSTEMS.get(sys.platform, sys.platform)
    is_musl = system == "linux" and not platform.libc_ver()[0]
    return f"{system}_{_MACHINES.get(machine, machine)}{'_musl' if is_musl else ''}"


def _quoted(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(c):04X}" if c in '\\"' or ord(c) < 32 or ord(c) == 127 else c for c in text
    )
    return f'"{escaped}"'
