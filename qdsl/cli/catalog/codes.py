"""Lists diagnostic codes, and shows their manual pages."""

from qdsl.cli.entry import Catalog, Entry, first_sentence, page
from qdsl.diagnostic import codes


def _entry(code: str) -> Entry:
    text = codes.page(code)
    assert text
    severity = "warning" if code in codes.WARNINGS else "error"
    title = (codes.name(code) or "").replace("-", " ")
    doc = text.partition("## What it does")[2].partition("\n## ")[0]
    return Entry((code, severity, title, first_sentence(doc)), text.strip())


def _intro() -> str:
    read = ", ".join(f"`{code}`" for code in sorted(codes.INPUT_OUTPUT))
    return page(
        "The first digit says what is wrong: Q0 syntax, Q1 names, Q2 types and shapes, Q3 policies "
        "and items, Q4 budgets, Q5 lowering, kernels and devices, Q6 packed files, Q7 recipes and "
        "training. `qdsl explain CODE` prints the page behind a link: what the code means, why it "
        "is one, an example, and what to write instead.",
        f"An error makes a command exit with 1; {read} with 2, for a file that cannot be read or "
        "written. Warnings leave it at 0.",
    )


CODES = Catalog(
    "diagnostic codes",
    ("code", "severity", "title", "doc"),
    codes.names,
    _entry,
    intro=_intro,
    sections=False,
    link=lambda code: f"../../qdsl/diagnostic/manual/{code}.md",
)
