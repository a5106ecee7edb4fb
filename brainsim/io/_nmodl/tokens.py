"""The words of an NMODL file."""

from __future__ import annotations

import re
from typing import NamedTuple


class NMODLError(ValueError):
    """What is not NMODL, or lies outside the subset that is read; names file and line."""


class Token(NamedTuple):
    """A word: its ``kind`` ("name", "number", "op", "string", "verbatim", "title" or "end"), text, line and place."""

    kind: str
    text: str
    line: int
    start: int
    stop: int


_WORDS = re.compile(
    r"""
    (?P<space>[ \t\r\f\n]+)
  | (?P<comment>[:?][^\n]*)
  | (?P<block>\bCOMMENT\b.*?\bENDCOMMENT\b)
  | (?P<verbatim>\bVERBATIM\b.*?\bENDVERBATIM\b)
  | (?P<title>\bTITLE\b[^\n]*)
  | (?P<string>"[^"\n]*")
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op><->|<<|->|<=|>=|==|!=|&&|\|\||.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Words:
    """The words of a file, one after the other.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for errors.
    """

    def __init__(self, text: str, name: str):
        self.text, self.name, self.place = text, name, 0
        self.tokens = list(_split(text, name))

    @property
    def next(self) -> Token:
        """The word to come."""
        return self.tokens[self.place]

    def ahead(self, count: int = 1) -> Token:
        """A word further on."""
        return self.tokens[min(self.place + count, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The word to come, which is then behind."""
        token = self.next
        self.place = min(self.place + 1, len(self.tokens) - 1)
        return token

    def sees(self, *texts: str) -> bool:
        """Whether the word to come is one of these."""
        return self.next.text in texts and self.next.kind in ("name", "op")

    def accept(self, *texts: str) -> Token | None:
        """Take the word to come if it is one of these."""
        return self.take() if self.sees(*texts) else None

    def expect(self, text: str, where: str) -> Token:
        """Take a word that must be there."""
        if not self.sees(text):
            self.fail(f"expected {text!r} {where}, found {self.next.text or 'the end of the file'!r}")
        return self.take()

    def name_of(self, what: str) -> str:
        """Take a name."""
        if self.next.kind != "name":
            self.fail(f"expected the name of {what}, found {self.next.text or 'the end of the file'!r}")
        return self.take().text

    def number(self, what: str) -> float:
        """Take a number with its sign."""
        sign = -1.0 if self.accept("-") else 1.0
        self.accept("+")
        if self.next.kind != "number":
            self.fail(f"expected {what}, a number, found {self.next.text or 'the end of the file'!r}")
        return sign * float(self.take().text)

    def unit(self) -> str | None:
        """Take a unit in parentheses, if there is one: its text."""
        if not self.sees("("):
            return None
        opening = self.take()
        while not self.sees(")"):
            if self.next.kind == "end":
                self.fail("a unit in parentheses does not end", opening.line)
            self.take()
        return self.text[opening.stop : self.take().start].strip()

    def fail(self, message: str, line: int | None = None):
        """Refuse the file.

        Raises
        ------
        NMODLError
        """
        raise NMODLError(f"{self.name}, line {self.next.line if line is None else line}: {message}.")


def _split(text, name):
    place, line = 0, 1
    while place < len(text):
        found = _WORDS.match(text, place)
        assert found is not None and found.lastgroup is not None  # the last alternative takes anything
        kind, word = found.lastgroup, found.group()
        if kind == "name" and word in ("COMMENT", "VERBATIM"):
            raise NMODLError(f"{name}, line {line}: {word} without END{word}.")
        if kind not in ("space", "comment", "block"):
            yield Token(kind, word, line, place, found.end())
        line += word.count("\n")
        place = found.end()
    yield Token("end", "", line, place, place)
