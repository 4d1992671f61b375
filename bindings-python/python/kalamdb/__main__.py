"""`python -m kalamdb`: what the package does for a machine or an environment."""

import argparse
import sys

from . import __version__, _adbc


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kalamdb", description=__doc__)
    parser.add_argument("--version", action="version", version=f"kalamdb {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    adbc = commands.add_parser("adbc", help="the ADBC driver, for whatever loads drivers by name")
    adbc.add_argument(
        "action",
        choices=["install", "uninstall", "path", "manifest"],
        help="install or remove the driver's manifest, print the library's path or the manifest",
    )
    adbc.add_argument(
        "--env",
        action="store_true",
        help="for this Python environment alone instead of the user",
    )
    return _run_adbc(parser.parse_args(arguments))


def _run_adbc(options: argparse.Namespace) -> int:
    folder = _adbc.environment_folder() if options.env else _adbc.user_folder()
    match options.action:
        case "install":
            print(f"installed {_adbc.install(folder)}")
        case "uninstall" if _adbc.uninstall(folder):
            print(f"removed from {folder}")
        case "uninstall":
            print(f"no manifest of kalamdb in {folder}", file=sys.stderr)
            return 1
        case "path":
            print(_adbc.driver_path())
        case "manifest":
            print(_adbc.manifest(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
