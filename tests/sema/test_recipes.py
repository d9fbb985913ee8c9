"""Holds recipes to what they say: defaults, overrides of variants, and the tasks' needs."""

from collections.abc import Callable, Iterator
from types import NoneType

import pytest

import qdsl.recipes.tasks
from qdsl.recipes import loss, schedule, teacher
from qdsl.recipes.model import Recipe, Stage
from qdsl.recipes.option import Option
from qdsl.recipes.task import Task
from qdsl.recipes.tasks.asr import Asr, Fbank
from qdsl.registry import member_class, names
from qdsl.sema.compile import Compiled, Variant
from qdsl.sema.context import Context, Stop
from qdsl.sema.recipe.reader import RecipeReader
from qdsl.sema.recipe.types import Hint, alternatives, elements, is_option, literals, schema
from qdsl.sema.scope import FileScope
from qdsl.sema.units import Units
from qdsl.source import Source
from qdsl.syntax import parse, tree

MODEL = """
model Net(d: int = 40, vocab: int = 16) {
    output = Linear(d -> vocab)
    entry encode(audio: f32[B, T, d], lengths: i64[B]) { return output(audio), lengths }
}
"""
RECIPE = """
const rounds = 100
recipe finetune {
    task = asr(ctc, features = fbank(40))
    batch = 16
    stage float { steps = 2 * rounds; lr = cosine(1e-3, warmup = 10) }
    stage qat { steps = 50; distill = stage(float, temperature = 2); freeze = [ranges, masks] }
}
"""
Codes = Callable[..., list[str]]
Variants = Callable[..., Variant]


WRONG = ["Q701", "Q702"]


@pytest.fixture
def recipe(compiled: Callable[..., Compiled]) -> Callable[[str], Recipe]:
    """The recipe of the last variant of MODEL, RECIPE and the text."""

    def of(text: str) -> Recipe:
        found = compiled(MODEL + RECIPE + text)
        assert not found.diagnostics, found.diagnostics
        recipe = list(found.variants.values())[-1].recipe
        assert recipe is not None
        return recipe

    return of


def test_stages_take_what_they_and_the_recipe_say(recipe: Callable[[str], Recipe]) -> None:
    found = recipe("variant a { model = Net  recipe = finetune }")
    rate = schedule.Cosine(1e-3, warmup=10)
    assert found.task == Asr(loss.Ctc(), Fbank(40), blank=0)
    assert found.stages == (
        Stage("float", 200, lr=rate, batch=16),
        Stage(
            "qat",
            50,
            distill=teacher.Stage("float", temperature=2.0),
            freeze=("ranges", "masks"),
            batch=16,
        ),
    )
    assert [s.quantizes for s in found.stages] == [False, True]


def test_variants_override_stages_and_the_recipe(recipe: Callable[[str], Recipe]) -> None:
    text = """
        variant a { model = Net  recipe = finetune  recipe.qat.steps = 7  recipe.batch = 4 }
        variant b extends a { recipe.qat.lr = linear(2e-4, final = 1e-5) }
    """
    float_stage, qat = recipe(text).stages
    assert (qat.steps, qat.batch, float_stage.batch) == (7, 4, 4)
    assert qat.lr == schedule.Linear(2e-4, final=1e-5)
    again = text + "variant c extends b { recipe = finetune }"
    assert recipe(again).stages[1].steps == 50


def test_words_may_be_called_without_arguments(recipe: Callable[[str], Recipe]) -> None:
    text = "recipe r { stage sparse { steps = 1; mask = every_step(); decay = 1 } }"
    (stage,) = recipe(text + "variant a { model = Net  recipe = r }").stages
    assert (stage.mask, stage.decay) == (schedule.EveryStep(), 1.0)
    assert not stage.quantizes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recipe a { stage s { steps = 1; steps = 2 } }", ["Q205"]),
        ("recipe a { stage s { lr = 1e-3 } }", ["Q205"]),
        ("recipe a { stage s { steps = 1; lr = cosine } }", ["Q205"]),
        ("recipe a { stage s { steps = 1; lr = cosine(1, 2, 3, 4) } }", ["Q205"]),
        ("recipe a { stage s { steps = 1; lr = cosine(1, peak = 3) } }", ["Q205"]),
        ("recipe a { stage s { steps = undefined } }", ["Q702"]),
        ("recipe a { stage s { steps = true } }", ["Q702"]),
        ("recipe a { stage s { steps = 1; lr = none } }", ["Q702"]),
        ("recipe a { stage s { steps = 1; freeze = ranges } }", ["Q702"]),
        ("recipe a { stage s { steps = 1; loss = rnnt; mask = none } }", []),
        ("recipe a { task = asr(5) stage s { steps = 1 } }", ["Q702"]),
        ("recipe a { task = asr(rnnt) stage s { steps = 1; loss = ce } }", ["Q702"]),
        ("recipe a { task = asr(rnnt) stage s { steps = 1; loss = embr } }", []),
        ("recipe a { stage s { steps = 1 } } recipe a { stage s { steps = 1 } }", ["Q103"]),
        ("recipe a { stage s { steps = 0 } stage t { steps = 0 } }", ["Q702", "Q702"]),
        ("recipe a { stage s { steps = -5; lr = -1.0; freeze = [ranges, foo] } }", ["Q702"] * 3),
        ("recipe a { task = asr(los = ce, features = fbank(0)) stage s { steps = 1 } }", WRONG),
        ("recipe a { stage s { steps = 1; mask = few_shot } }", ["Q205"]),
        ("recipe a { steps = 1; steps = 2; lr = -1 stage s {} }", ["Q205", "Q702"]),
        ("recipe a { stage s { steps = 10; lr = inverse_sqrt(1e-3) } }", ["Q702"]),
        ("recipe a { stage s { steps = 10; mask = few_shot(2, every = 5) } }", []),
        ("recipe a { stage s { steps = 10; mask = one_shot(at = 9) } }", []),
        ("recipe a { stage s { steps = 10; mask = one_shot(at = 10) } }", ["Q702"]),
        ("recipe a { stage s { steps = 10; distill = variant(v) } }", []),
        ("variant v { model = Net  recipe = Net }", ["Q201"]),
        ("variant v { model = Net  recipe.s.steps = 3 }", []),
    ],
)
def test_what_a_recipe_may_say(codes: Codes, text: str, expected: list[str]) -> None:
    assert codes(MODEL + text) == expected


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ("entry encode(a: f32[B, T, 40], n: i64[B]) { return map(a), n }", []),
        ("entry encode(a: f32[B, T, 40]) { return map(a) }", ["Q703"]),
        ("entry encode(a: f32[B, T, 80], n: i64[B]) { return wide(a), n }", ["Q703"]),
        ("entry encode(a: f32[B, T, 40], n: i64[B]) { return map(a) }", ["Q703"]),
        ("entry encode(a: f32[B, T, 40], n: i64[B]) { return map(a), a }", ["Q703"]),
        ("entry other(a: f32[B, T, 40], n: i64[B]) { return map(a), n }", ["Q703"]),
        ("entry encode(a: f32[B, T, 40], n: i64[B]) { return mapp(a), n }", ["Q101"]),
    ],
)
def test_a_task_needs_its_functions(codes: Codes, entries: str, expected: list[str]) -> None:
    text = f"""
        model M {{ map = Linear(40 -> 8)  wide = Linear(80 -> 8)  {entries} }}
        recipe r {{ task = asr(ctc, fbank(40))  stage s {{ steps = 1 }} }}
        variant v {{ model = M  recipe = r }}
    """
    assert codes(text) == expected


def test_dims_of_a_task_are_one_in_all_its_functions(codes: Codes) -> None:
    def text(joint: int) -> str:
        return f"""
            model M {{
                map = Linear(80 -> 8)  labels = Embedding(4, 8)  output = Linear(8 -> 4)
                wide = Linear({joint} -> 8)
                entry encode(a: f32[B, T, 80], n: i64[B]) {{ return map(a), n }}
                entry predict(y: i64[B, U]) {{ return labels(pad(y, 1, 1, 0)) }}
                entry join(f: f32[B, S, {joint}], g: f32[B, P, 8]) {{
                    return output(wide(f)[:, :, none] + g[:, none])
                }}
            }}
            recipe r {{ task = asr  stage s {{ steps = 1 }} }}
            variant v {{ model = M  recipe = r }}
        """

    assert codes(text(8)) == []
    assert codes(text(9)) == ["Q703"]


def test_a_variant_hears_of_all_its_wrong_overrides(codes: Codes) -> None:
    text = """
        variant v {
            model = Net
            recipe = finetune
            recipe.qat.steps = 0
            recipe.float.stps = 4
            recipe.flot.steps = 4
            recipe.seed = -1
        }
    """
    assert codes(MODEL + RECIPE + text) == ["Q702", "Q701", "Q704", "Q702"]


# ---- words -------------------------------------------------------------------------------------


def _values(hint: Hint) -> Iterator[str]:
    """Every word that a field of that type may be, as a spec writes it."""
    for member in alternatives(hint):
        if is_option(member):
            yield _call(member)
        elif member is NoneType:
            yield "none"
        yield from literals([member])
    for element in elements(alternatives(hint)):
        yield from (f"[{word}]" for word in _values(element))


def _call(kind: type[Option], **given: str) -> str:
    """A call of the option's word, with what must be given."""
    required = {n: _least(h) for n, (h, required) in schema(kind).items() if required}
    if issubclass(kind, schedule.InverseSqrt):
        required["warmup"] = "1"
    text = ", ".join(f"{n} = {v}" for n, v in {**required, **given}.items())
    return f"{kind.word()}({text})" if text else kind.word()


def _least(hint: Hint) -> str:
    return "v" if hint is str else "1"


def _options(kind: type[Option]) -> Iterator[tuple[str, type[Option]]]:
    """The options that fields of `kind` may be, each with its field."""
    for name, (hint, _) in schema(kind).items():
        yield from ((name, m) for m in alternatives(hint) if is_option(m))


def _stages() -> Iterator[str]:
    """A stage for every word of every field, of options too."""
    for name, (hint, _) in schema(Stage).items():
        yield from (f"{name} = {value}" for value in _values(hint))
    for name, kind in _options(Stage):
        for inner, (hint, _) in schema(kind).items():
            yield from (f"{name} = {_call(kind, **{inner: v})}" for v in _values(hint))


def _tasks() -> Iterator[str]:
    for word in names(qdsl.recipes.tasks):
        kind = member_class(qdsl.recipes.tasks, word, Task)
        yield _call(kind)
        for inner, (hint, _) in schema(kind).items():
            yield from (_call(kind, **{inner: v}) for v in _values(hint))


STAGES = [s for s in _stages() if s != "name = none"]


def _read(text: str, student: str | None = None) -> list[str]:
    """Messages about the recipe that stands first in the text."""
    file, found = parse(Source("test", f"qspec 1 {text}"))
    assert not found
    context, scope = Context(), FileScope(file)
    reader = RecipeReader(context, Units(context, {}).instantiate, scope)
    try:
        reader.read(next(scope.own(tree.Recipe)), scope, {}, student)
    except Stop:
        assert context.failed
    return [d.message for d in context.diagnostics]


def test_the_words_are_found() -> None:
    assert {"noise = none", "mask = none", "freeze = [masks]", "loss = ctc"} <= set(STAGES)
    assert "distill = stage(name = v)" in STAGES


@pytest.mark.parametrize("given", STAGES)
def test_every_word_of_a_stage_is_taken(given: str) -> None:
    assert _read(f"recipe r {{ stage v {{ steps = 9 }} stage s {{ steps = 200; {given} }} }}") == []


LOSSES = {"asr": ("rnnt", "embr", "ctc"), "language": ("ce",)}


@pytest.mark.parametrize("task", _tasks())
def test_every_word_of_a_task_is_taken(task: str) -> None:
    found = _read(f"recipe r {{ task = {task} stage s {{ steps = 1 }} }}")
    name, _, arguments = task.partition("(")
    _, given, loss = arguments.rstrip(")").partition("loss = ")
    if given and loss not in LOSSES[name]:
        *some, last = (f"`{w}`" for w in LOSSES[name])
        known = f"{', '.join(some)} or {last}" if some else last
        assert found == [f"`loss` of `{name}` is {known}, not `{loss}`"]
    else:
        assert found == []


@pytest.mark.parametrize(
    ("student", "expected"),
    [(None, []), ("w", []), ("v", ["variant `v` is its own teacher"])],
)
def test_a_variant_is_no_teacher_of_its_own(student: str | None, expected: list[str]) -> None:
    recipe = "recipe r { stage s { steps = 1; distill = variant(v) } }"
    assert _read(f"{recipe} variant v {{}} variant w {{}}", student) == expected
