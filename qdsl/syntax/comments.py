"""Gives each comment to the place in the tree where it belongs, once."""

import re
from bisect import bisect_left
from collections.abc import Sequence

from qdsl.source import Source
from qdsl.syntax.tree import Comment, File

BETWEEN = re.compile(r"(?:\s|,|#.*)*")


class Comments:
    """The comments of a file that were not given away yet."""

    def __init__(self, file: File) -> None:
        self.source: Source = file.source
        self.comments: Sequence[Comment] = file.comments
        self.starts = [comment.span.start for comment in file.comments]
        self.given: set[int] = set()

    def take(self, start: int, end: int) -> list[Comment]:
        """Gives all comments left between two offsets."""
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        left = [i for i in range(first, last) if i not in self.given]
        self.given.update(left)
        return [self.comments[i] for i in left]

    def beside(self, start: int, end: int) -> Comment | None:
        """Gives the first comment left between two offsets that shares its line with other text."""
        first, last = bisect_left(self.starts, start), bisect_left(self.starts, end)
        for i in range(first, last):
            if i not in self.given and not self.comments[i].own_line:
                self.given.add(i)
                return self.comments[i]
        return None

    def trailing(self, end: int) -> Comment | None:
        """Gives the comment that follows something that ends at an offset, on the same line."""
        i = bisect_left(self.starts, end)
        if i == len(self.starts) or i in self.given:
            return None
        if self.source.text[end : self.starts[i]].strip(" \t,;"):
            return None
        self.given.add(i)
        return self.comments[i]

    def closer(self, end: int) -> int:
        """The offset of the bracket that closes a list whose last element ends at an offset."""
        found = BETWEEN.match(self.source.text, end)
        return found.end() if found else end

    def blank_before(self, offset: int) -> bool:
        """Whether a blank line stands in the source before what begins at an offset."""
        text, start = self.source.text, offset
        while start and text[start - 1].isspace():
            start -= 1
        return text.count("\n", start, offset) > 1
