"""`python -m kalamdb [DIRECTORY]`: a shell. `python -m kalamdb adbc ..`: the driver for ADBC."""

import argparse
import sys

from . import __version__, _adbc, _shell


def main(arguments: list[str] | None = None) -> int:
    """Run the shell or a command, and return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["adbc"]:
        return _run_adbc(_adbc_parser().parse_args(arguments[1:]))
    parser = argparse.ArgumentParser(
        prog="python -m kalamdb",
        description="A shell for KalamDB. `python -m kalamdb adbc --help` is about the ADBC driver.",
    )
    parser.add_argument("--version", action="version", version=f"kalamdb {__version__}")
    _shell.add_arguments(parser)
    return _shell.main(parser.parse_args(arguments))


def _adbc_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kalamdb adbc",
        description="The ADBC driver, for whatever loads drivers by name.",
    )
    parser.add_argument(
        "action",
        choices=["install", "uninstall", "path", "manifest"],
        help="install or remove the driver's manifest, print the library's path or the manifest",
    )
    parser.add_argument(
        "--env",
        action="store_true",
        help="for this Python environment alone instead of the user",
    )
    return parser


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
