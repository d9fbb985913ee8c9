"""Lists what a recipe may say: properties of stages, and the words that are their values."""

from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from inspect import cleandoc

import qdsl.recipes.tasks
from qdsl.cli.entry import Catalog, Entry, first_sentence, markdown_table, page
from qdsl.cli.recipe_text import call_text, default_text, options_within, value_text
from qdsl.recipes.model import FLOAT_STAGES, Stage
from qdsl.recipes.option import Option
from qdsl.recipes.task import Task
from qdsl.record import record
from qdsl.registry import member_class, names
from qdsl.sema.recipe.options import schema

_FLOAT = ", ".join(f"`{name}`" for name in FLOAT_STAGES)
_TEXTS = {
    "steps": "Optimizer steps; of a calibration, the batches that are seen.",
    "lr": "The learning rate; a number alone is a constant one.",
    "loss": "What is minimised; left out, the loss of the task.",
    "quantize": "Whether weights and activations are rounded as the policy says. Left out, they "
    f"are, but not in stages of the names {_FLOAT}.",
    "mask": "When the masks of sparse formats are chosen; later stages keep them.",
    "score": "How weights are ranked for the masks: by magnitude, or by it times the sum of the "
    "magnitudes of the inputs that they have met since the stage began (arXiv 2306.11695).",
    "decay": "How strongly weights outside the mask are pulled to zero (SR-STE, arXiv 2102.04010).",
    "clip_every": "Steps from one search of the clips of `clip = search` to the next.",
    "distill": "The teacher, whose outputs the stage is trained to give.",
    "noise": "Noise as large as the rounding error, in place of rounding.",
    "calibrate": "How static ranges are found in the values that are seen. They stand in later "
    "stages, where only scales of `clip = learned` are trained on.",
    "freeze": "What no longer changes: static ranges, statistics of batch norms, masks.",
    "optimizer": "What makes steps of gradients.",
    "clip_gradient": "The norm that gradients are cut to; 0 leaves them as they are.",
    "ema": "Momentum of a moving average of the weights, which is what the stage leaves.",
    "batch": "Examples in a step.",
    "precision": "What products are computed in while training.",
    "seed": "Of the stage's batches and random numbers, together with `--seed`.",
}
_STAGE = (
    "One stretch of training. Properties that stand in the recipe outside its stages are defaults "
    "of every stage; a variant overrides them by `recipe.lr = …`, those of a stage by "
    "`recipe.qat.lr = …`."
)
_EXAMPLE = """\
recipe finetune {
    task = asr(loss = rnnt, features = fbank(80))
    lr = cosine(1e-3, warmup = 100)
    stage float { steps = 2000 }
    stage sparse { steps = 1000; mask = few_shot(shots = 4, every = 200); decay = 2e-4 }
    stage qat { steps = 2000; lr = 2e-4; distill = stage(float, temperature = 2) }
}"""


@record
class _Meaning:
    """What one word stands for in one place."""

    kind: str
    written: str
    doc: str
    more: str = ""


@cache
def _meanings() -> dict[str, tuple[_Meaning, ...]]:
    found: dict[str, dict[_Meaning, None]] = {}
    for word, meaning in (*_items(), *_properties(), *_values()):
        found.setdefault(word, {})[meaning] = None
    return {word: tuple(meanings) for word, meanings in found.items()}


def _items() -> Iterator[tuple[str, _Meaning]]:
    table = markdown_table(("property", "values", "default", ""), _rows())
    yield "stage", _Meaning("item of a recipe", "stage NAME { steps = … }", _STAGE, table)
    tasks = ", ".join(f"{t.word()}(…)" for t in _tasks())
    doc = "What is trained for: `qdsl list tasks`. Without one, training is the user's own loop."
    yield "task", _Meaning("property of a recipe", f"task = {tasks}", doc)


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for word, meaning in _properties():
        default = meaning.more.removeprefix("Default: ").rstrip(".")
        default = "" if default == "none" else default
        yield f"`{word}`", meaning.written.partition(" = ")[2], default, meaning.doc


def _properties() -> Iterator[tuple[str, _Meaning]]:
    for field in fields(Stage):
        if field.name == "name":
            continue
        hint, required = schema(Stage)[field.name]
        written = f"{field.name} = {value_text(hint)}"
        default = "It must be given." if required else f"Default: {default_text(field)}."
        doc = _TEXTS.get(field.name, "")
        yield field.name, _Meaning("property of a stage", written, doc, default)


def _values() -> Iterator[tuple[str, _Meaning]]:
    kinds: tuple[type[Option], ...] = (Stage, *_tasks())
    for kind in kinds:
        for field, option in options_within(kind):
            written = call_text(option)
            doc = _doc(option)
            yield option.word(), _Meaning(f"value of `{field}`", written, doc)


def _doc(kind: type[Option]) -> str:
    """Its own docstring, and what it has from the class above it."""
    own, above = cleandoc(kind.__doc__ or ""), kind.__mro__[1]
    return own if above is Option else f"{own} {first_sentence(above.__doc__ or '')}"


@cache
def _tasks() -> tuple[type[Task], ...]:
    package = qdsl.recipes.tasks
    return tuple(member_class(package, name, Task) for name in names(package))


def _entry(word: str) -> Entry:
    meanings = _meanings()[word]
    cells = (
        word,
        "; ".join(m.kind for m in meanings),
        "; ".join(m.written for m in meanings),
        " ".join(first_sentence(m.doc) for m in meanings),
    )
    parts = [text for m in meanings for text in _paragraphs(m)]
    return Entry(cells, page(f"# {word}", *parts))


def _paragraphs(meaning: _Meaning) -> tuple[str, ...]:
    head = f"A word of recipes: {meaning.kind}."
    return head, f"`{meaning.written}`", meaning.doc, meaning.more


def _intro() -> str:
    return page(
        "A recipe says how a variant is trained: a task, and stages that follow each other. A "
        "value is a number, a word or a call of one.",
        f"```\n{_EXAMPLE}\n```",
        "`qdsl train` runs recipes: [how](../training.md).",
    )


RECIPES = Catalog(
    "words of recipes", ("name", "kind", "written", "doc"), _meanings, _entry, intro=_intro
)
