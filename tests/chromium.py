"""Finds a Chromium for the browser tests, or installs one.

`python tests/chromium.py` prints the path of the first that runs: $PLAYGROUND_CHROMIUM,
a Chromium or Chrome of this machine, Playwright's own. Where there is none it installs
the distribution's package, and if that cannot be, Playwright's own.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

COMMANDS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
APT = (
    "apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install --yes "
    "--no-install-recommends -o DPkg::Lock::Timeout=300 chromium fonts-liberation"
)
NONE_FOUND = """\
No Chromium was found and none could be installed. Install Chromium or Chrome, or name
one: PLAYGROUND_CHROMIUM=/path/to/chromium make test"""


def find_chromium() -> str | None:
    """The path of a Chromium that runs here, None if there is none.

    Raises FileNotFoundError if $PLAYGROUND_CHROMIUM names one that does not run.
    """
    if named := os.environ.get("PLAYGROUND_CHROMIUM"):
        if path := _runnable(named):
            return path
        raise FileNotFoundError(f"PLAYGROUND_CHROMIUM={named} does not run.")
    found = filter(None, map(_runnable, COMMANDS))
    return next(found, None) or _runnable(_playwrights_own())


def install_chromium() -> str | None:
    """Install a Chromium by the first way that works; its path, or None."""
    for command in _ways_to_install():
        print("No Chromium found, trying:", *command, file=sys.stderr)
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if path := find_chromium():
            return path
    return None


def _runnable(command: str) -> str | None:
    path = shutil.which(command)
    if path is None:
        return None
    # Ubuntu's /usr/bin/chromium-browser may be a script that only names a snap.
    answer = subprocess.run([path, "--version"], capture_output=True)
    return path if answer.returncode == 0 else None


def _playwrights_own() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def _ways_to_install() -> Iterator[list[str]]:
    root = os.geteuid() == 0
    sudo = [] if root else ["sudo", "--non-interactive"]
    if shutil.which("apt-get") and (root or shutil.which("sudo")):
        yield [*sudo, "sh", "-c", APT]
    yield [sys.executable, "-m", "playwright", "install", "chromium"]


def main() -> None:
    try:
        path = find_chromium() or install_chromium()
    except FileNotFoundError as error:
        sys.exit(str(error))
    print(path or sys.exit(NONE_FOUND))


if __name__ == "__main__":
    main()
