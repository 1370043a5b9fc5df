"""The tools a model may call. Their names, arguments and texts are what it is told of them."""

from __future__ import annotations

from langchain_core.tools import BaseTool, StructuredTool
from langgraph.types import interrupt

from .repository import Repository

ASK_PERSON = "ask_person"


def tools_over(repository: Repository) -> list[BaseTool]:
    """The tools over one repository. What they refuse is told to the model, which may try something else."""

    def list_files(folder: str = "") -> str:
        """List the tracked files of the repository, or of one folder."""
        return repository.files(folder)

    def read_file(path: str, first_line: int = 1) -> str:
        """Read a tracked text file, from a line on."""
        return repository.read(path, first_line)

    def git_log(count: int = 10, path: str = "") -> str:
        """Show the last commits of the repository, or of one path: id, day, author, subject."""
        return repository.log(count, path)

    def search(text: str) -> str:
        """Find a text, taken literally, in the tracked files: file, line number, line."""
        return repository.search(text)

    def ask_person(question: str) -> str:
        """Ask the person a question and wait for the answer. Only for what cannot be found out."""
        return str(interrupt(question))

    functions = (list_files, read_file, git_log, search, ask_person)
    return [StructuredTool.from_function(f, handle_tool_error=True) for f in functions]
