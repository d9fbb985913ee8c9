"""Reads initialisers: `zeros`, `normal`, `normal(0.02)`."""

from qdsl.diagnostic.suggest import did_you_mean
from qdsl.sema.static import StaticEvaluator
from qdsl.syntax import tree

WORDS = ("zeros", "ones", "normal", "xavier", "orthogonal")
NUMBERED = {"normal": "deviation", "uniform": "bound", "constant": "value"}
"""Those that take a number, and what it is."""


def initialiser(e: tree.Expr, evaluator: StaticEvaluator) -> str:
    """The text that the model keeps, a number in it always with a point or an exponent."""
    match e:
        case tree.Name(text=text) if text in WORDS:
            return text
        case tree.Call(callee=tree.Name(text=text), arguments=(argument,)) if text in NUMBERED:
            number = evaluator.value(argument.value)
            negative = isinstance(number, int | float) and number < 0
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise evaluator.expected("a number", number, argument.value.span)
            if negative and text != "constant":
                message = f"the {NUMBERED[text]} of `{text}` is negative"
                raise evaluator.context.stop("Q206", message, argument.value.span)
            return f"{text}({float(number)!r})"
        case _:
            known = (*WORDS, *(f"{w}(…)" for w in NUMBERED))
            word = e.callee if isinstance(e, tree.Call) else e
            near = did_you_mean(word.span.text, (*WORDS, *NUMBERED))
            help = f"did you mean `{near}`?" if near and near != word.span.text else None
            help = help or "one of " + ", ".join(f"`{i}`" for i in known)
            message = f"unknown initialiser `{e.span.text}`"
            raise evaluator.context.stop("Q206", message, e.span, help=help)
