"""Shows a story on a terminal: steps with their command, outcome and time; plain text when nobody looks."""

import itertools
import re
import subprocess
import sys
import threading
import time

LOOKED_AT = sys.stdout.isatty()
SHOWN_LINES = 14


class Failed(Exception):
    """A step did not end as the story needs."""


def paint(code, text):
    return f"\033[{code}m{text}\033[0m" if LOOKED_AT else text


def heading(text):
    print("\n" + paint("1;36", f"━━ {text} " + "━" * max(0, 76 - len(text))), flush=True)


def say(text):
    print(text, flush=True)


def good(text):
    say(paint("32", "✓ ") + text)


def plain_to_see(text):
    for line in text.splitlines():
        say(paint("33", "  ! " + line))


class Progress:
    """Tells, from the second second on, that something goes on: a running clock, or a line every ten seconds."""

    def __init__(self, what):
        self.what, self.detail, self.done = what, "", threading.Event()

    def __enter__(self):
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._show, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()
        self.seconds = time.monotonic() - self.began

    def _show(self):
        if self.done.wait(1):
            return
        for mark in itertools.cycle("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"):
            line = f"{self.what} {time.monotonic() - self.began:.0f} s {self.detail}"
            if LOOKED_AT:
                print(f"\r\033[K{paint('36', mark)} {line}", end="", flush=True)
            else:
                print(f"… {line}", flush=True)
            if self.done.wait(0.1 if LOOKED_AT else 10):
                break
        if LOOKED_AT:
            print("\r\033[K", end="", flush=True)


def run(script, cwd, env, show=True, lines=SHOWN_LINES):
    """Prints a shell script, runs it, prints what it said and how long it took; raises Failed when it fails."""
    for i, line in enumerate(script.strip().splitlines()):
        say(paint("1", ("$ " if i == 0 else "  ") + line))
    with Progress("running") as clock:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=cwd, env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode(errors="replace")  # not as text: that would turn carriage returns into lines
    if show or done.returncode:
        excerpt(said, lines if not done.returncode else 60)
    if done.returncode:
        raise Failed(f"the command ended with code {done.returncode}")
    good(f"{clock.seconds:.1f} s")
    return said


def excerpt(text, lines):
    # A transfer redraws its progress with carriage returns; only the last state of such a line is of interest.
    all_lines = [re.sub("\x1b\\[[0-9;]*m", "", line.rstrip("\r").split("\r")[-1]).rstrip() for line in text.split("\n")]
    all_lines = [line for line in all_lines if line]
    for line in all_lines[:lines]:
        say(paint("2", "  " + line[:160]))
    if len(all_lines) > lines:
        say(paint("2", f"  … {len(all_lines) - lines} more lines"))


def wait(what, poll, seconds):
    """Calls poll until it answers something true and returns that. Poll may return (None, "how far it is")."""
    end = time.monotonic() + seconds
    with Progress(what) as clock:
        while True:
            found = poll()
            if isinstance(found, tuple):
                found, clock.detail = found
            if found:
                break
            if time.monotonic() > end:
                raise Failed(f"{what}: not within {seconds} s {clock.detail}")
            time.sleep(0.3)
    good(f"{what}: {clock.seconds:.1f} s")
    return found
