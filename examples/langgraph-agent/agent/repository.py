"""The git repository the agent looks at: tracked files only, never written to, output bounded."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path, PurePosixPath

from langchain_core.tools import ToolException

MAX_OUTPUT = 16_000  # bytes of a tool's answer
MAX_FILE = 1 << 20  # bytes read of one file
GIT_SECONDS = 30


class Refused(ToolException):
    """What was asked of the repository is not there, or not allowed. The model is told why."""


class Repository:
    """A checkout, from any folder in it. What git ignores may hold secrets and is not seen."""

    def __init__(self, path: str) -> None:
        self.root = Path(path)
        self.root = Path(self.git("rev-parse", "--show-toplevel").strip()).resolve()

    def files(self, folder: str = "") -> str:
        """The tracked files, one a line, of a folder or of all."""
        names = self._tracked()
        inside = self._clean(folder)
        if inside:
            names = [n for n in names if n == inside or n.startswith(inside + "/")]
        if not names:
            raise Refused(f"no tracked file is in {folder!r}")
        return clip("\n".join(names))

    def read(self, path: str, first_line: int = 1) -> str:
        """A tracked text file from a line on."""
        name = self._clean(path)
        if name not in self._tracked():
            raise Refused(f"there is no tracked file {path!r}; list_files says what there is")
        try:
            body = self._bytes(self.root / name)
        except OSError as e:
            raise Refused(f"{path} cannot be read: {e.strerror}") from e
        if b"\0" in body[:8000]:
            return f"binary file, {len(body)} bytes"
        lines = body.decode("utf-8", "replace").splitlines()
        return clip("\n".join(lines[max(0, first_line - 1) :]))

    def log(self, count: int = 10, path: str = "") -> str:
        """The last commits: id, day, author, subject."""
        args = ["log", f"--max-count={min(max(1, count), 100)}", "--format=%h %as %an: %s"]
        name = self._clean(path)
        return clip(self.git(*args, "--", *([name] if name else []))) or "no commits"

    def search(self, text: str) -> str:
        """Lines of tracked files that have the text, with file and line number."""
        if not text.strip():
            raise Refused("text to search for is missing")
        return clip(self.git("grep", "-I", "-n", "-F", "--max-count=20", "-e", text, empty_is=1)) or "nothing found"

    def git(self, *args: str, empty_is: int = 0) -> str:
        """One git command. Words of a model stand only after -- or -e; the repository's configuration runs
        nothing; the token and key of the agent are not in git's environment."""
        command = ["git", "--no-pager", "--literal-pathspecs", "-C", str(self.root)]
        for setting in (
            "core.quotePath=false",
            "core.fsmonitor=false",
            "core.hooksPath=/dev/null",
            "log.showSignature=false",
            "submodule.recurse=false",
            "color.ui=false",
        ):
            command += ["-c", setting]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", ""), "LC_ALL": "C.UTF-8"}
        environment |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
        try:
            done = subprocess.run(command + list(args), env=environment, capture_output=True, timeout=GIT_SECONDS, check=False)
        except subprocess.TimeoutExpired as e:
            raise Refused(f"git took longer than {GIT_SECONDS} s") from e
        if done.returncode not in (0, empty_is):
            raise Refused("git: " + done.stderr.decode("utf-8", "replace").strip()[:300])
        return done.stdout.decode("utf-8", "replace")

    def _tracked(self) -> list[str]:
        return [name for name in self.git("ls-files", "-z").split("\0") if name]

    @staticmethod
    def _clean(path: str) -> str:
        name = str(PurePosixPath(path.replace("\0", "").lstrip("/") or "."))
        if ".." in PurePosixPath(name).parts:
            raise Refused(f"{path!r} leaves the repository")
        return "" if name == "." else name

    def _bytes(self, path: Path) -> bytes:
        # A tracked link may point anywhere: it is not followed, nor is a folder that became one.
        if path.parent.resolve() != path.parent or not stat.S_ISREG(path.lstat().st_mode):
            raise Refused(f"{path.name} is no regular file of the repository")
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            return file.read(MAX_FILE)


def clip(text: str) -> str:
    """At most MAX_OUTPUT bytes; what is cut says so."""
    raw = text.encode()
    if len(raw) <= MAX_OUTPUT:
        return text
    return raw[:MAX_OUTPUT].decode("utf-8", "ignore") + f"\n… (cut, {len(raw)} bytes in all)"
