"""Reports names that stand for nothing, in whatever block, function or policy they are written."""

from collections.abc import Iterable, Set

from qdsl.diagnostic.model import error
from qdsl.diagnostic.suggest import did_you_mean, suggestion
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.habits import habit_help
from qdsl.sema.language import DTYPES, format_names, language_name, language_names
from qdsl.sema.library import import_of
from qdsl.sema.policy import MODEL_PROPERTIES
from qdsl.sema.scope import FileScope
from qdsl.sema.signature import dim_names, is_dim_name
from qdsl.sema.walk import Part, children, expressions
from qdsl.syntax import tree

Known = Set[str]


def run(scope: FileScope, context: Context) -> None:
    """Names are looked up as the evaluators do; a member's own members are left to those."""
    names = _Names(scope, context)
    for item in scope.file.items:
        match item:
            case tree.Block():
                names.block(item)
            case tree.Policy(model=model, base=base, rules=rules):
                names.item(model, tree.Block, "model")
                names.item(base, tree.Policy, "policy")
                names.rules(rules)
            case tree.Variant(base=base, settings=settings):
                names.item(base, tree.Variant, "variant")
                names.settings(settings)
            case _:
                pass  # every constant and format is evaluated


class _Names:
    """One file being checked; `known` are the names of the block and function at hand."""

    def __init__(self, scope: FileScope, context: Context) -> None:
        self.scope = scope
        self.context = context

    def item(self, name: tree.Name | None, kind: type, what: str) -> None:
        """A name where only a kind of item can stand; another kind is told where it is used."""
        if name is None or name.text in self.scope.broken or self.scope.find(name.text):
            return
        known = [n for n, e in self.scope.entries.items() if isinstance(e.item, kind)]
        help = suggestion(name.text, known)
        message = f"unknown {what} `{name.text}`"
        self.context.report(error("Q101", message, name.span, "not found", help=help))

    def settings(
        self, settings: Iterable[tree.Setting | tree.PolicyAppend | tree.BudgetAppend]
    ) -> None:
        for setting in settings:
            match setting:
                case tree.Setting(path=(tree.Name(text="policy"),), value=tree.Name() as name):
                    self.item(name, tree.Policy, "policy")
                case tree.Setting(path=(tree.Name(text="budget"),), value=tree.Name() as name):
                    self.item(name, tree.Budget, "budget")
                case tree.Setting(path=(tree.Name(text="model"), *_), value=value):
                    self.expression(value, frozenset())
                case tree.PolicyAppend(rules=rules):
                    self.rules(rules)
                case _:
                    pass

    def rules(self, rules: Iterable[tree.Rule]) -> None:
        for rule in rules:
            for property in rule.properties:
                # the values of the others are words, not names
                if property.name.text not in MODEL_PROPERTIES:
                    self.expression(property.value, frozenset())

    # ---- blocks ------------------------------------------------------------------------------

    def block(self, block: tree.Block) -> None:
        known: set[str] = set()
        for parameter in block.parameters:
            self._optional(parameter.default, known)
            known.add(parameter.name.text)
        for condition in block.where:
            self.expression(condition, known)
        functions = {m.name.text for m in block.members if isinstance(m, tree.Function)}
        for member in block.members:
            self._member(member, known)
            if not isinstance(member, tree.Tie | tree.Function):
                known.add(member.name.text)
        for member in block.members:
            if isinstance(member, tree.Function):
                self._function(member, known | functions)

    def _member(self, member: tree.BlockMember, known: Known) -> None:
        match member:
            case tree.Const(value=value) | tree.Member(value=value):
                self.expression(value, known)
            case tree.ParameterMember(type=type):
                for d in type.dims:
                    self.expression(d, known)
            case tree.Tie(alias=alias, owner=owner):
                self.expression(alias, known)
                self.expression(owner, known)
            case tree.Function():
                pass

    def _function(self, function: tree.Function, known: set[str]) -> None:
        results = function.results or ()
        types = (*(i.type for i in function.inputs), *results)
        known = known | dim_names(types)
        for type in types:
            self._type(type, known)
        # the default of an input is a word, `none` or `zeros`
        self._statements(function.body, known | {i.name.text for i in function.inputs})

    def _type(self, type: tree.Type, known: set[str]) -> None:
        match type:
            case tree.TensorType(dims=dims):
                for d in dims:
                    self._lower(d, known)
                    self._dims(d, known)
                    self.expression(d, known)
            case tree.ArrayType(element=element, count=count):
                self._type(element, known)
                self.expression(count, known)

    def _dims(self, d: tree.Expr, known: set[str]) -> None:
        """A dim has a value where its name stands alone; elsewhere it is only used."""
        for e in expressions(d):
            if isinstance(e, tree.Name) and is_dim_name(e) and e.text not in known:
                message = f"dim `{e.text}` stands alone in no type"
                help = f"name it where it has a value, as in `f32[B, {e.text}]`"
                self.context.report(error("Q101", message, e.span, "has no value", help=help))
                known.add(e.text)

    def _lower(self, d: tree.Expr, known: set[str]) -> None:
        """A name alone that nothing has given a value was meant to be a dim: `f32[batch, d]`."""
        if isinstance(d, tree.Name) and not is_dim_name(d) and not self._is_known(d, known):
            near = did_you_mean(d.text, known) if len(d.text) > 2 else None
            help = f"dims begin with a capital: `{d.text[:1].upper()}`"
            help = f"did you mean `{near}`?" if near else help
            message = f"unknown name `{d.text}`"
            self.context.report(error("Q101", message, d.span, "not found", help=help))
            known.add(d.text)  # it is wrong once

    # ---- statements and expressions ----------------------------------------------------------

    def _statements(self, body: Iterable[tree.Statement], known: set[str]) -> None:
        """Adds to `known` what the statements bind."""
        for statement in body:
            match statement:
                case tree.Assign(targets=targets, value=value):
                    self.expression(value, known)
                    known |= {t.text for t in targets if t.text != "_"}
                case tree.For(index=index, range=range, body=inner):
                    self.expression(range, known)
                    self._statements(inner, known | {index.text})
                case tree.Return(values=values):
                    for value in values:
                        self.expression(value, known)

    def expression(self, e: Part, known: Known) -> None:
        match e:
            case tree.Name():
                self._name(e, known)
            case tree.Call():
                self._call(e, known, piped=False)
            case tree.Pipe(value=value, call=tree.Call() as call):
                self.expression(value, known)
                self._call(call, known, piped=True)
            case tree.If(condition=condition, then=then, other=other):
                self.expression(condition, known)
                for branch in (then, other):
                    inner = set(known)
                    self._statements(branch.statements, inner)
                    for value in branch.values:
                        self.expression(value, inner)
            case tree.Repeat(count=count, index=index, body=body):
                self.expression(count, known)
                self.expression(body, known | {index.text} if index else known)
            case _:
                for child in children(e):
                    self.expression(child, known)

    def _call(self, e: tree.Call, known: Known, piped: bool) -> None:
        if isinstance(e.callee, tree.Name):
            self._name(e.callee, known, is_called=True)
        else:
            self.expression(e.callee, known)
        arguments = [a.value for a in e.arguments]
        if isinstance(e.callee, tree.Name) and e.callee.text not in known:
            if self._is_format(e.callee.text):
                arguments = [a for a in arguments if not self._is_word(a)]
            elif e.callee.text == "transpose":
                # axes are words too
                arguments = [] if piped else arguments[:1]
        for argument in arguments:
            if not (isinstance(argument, tree.Name) and argument.text in DTYPES):
                self.expression(argument, known)

    def _is_format(self, name: str) -> bool:
        entry = self.scope.value(name)
        return name in format_names() if entry is None else isinstance(entry.item, tree.Format)

    def _is_word(self, e: tree.Expr) -> bool:
        """Options of formats are words, unless they are names of the file."""
        return isinstance(e, tree.Name) and self.scope.value(e.text) is None

    def _optional(self, e: tree.Expr | None, known: Known) -> None:
        if e is not None:
            self.expression(e, known)

    def _is_known(self, e: tree.Name, known: Known) -> bool:
        if e.text in known or self.scope.find(e.text) or e.text in self.scope.broken:
            return True
        return language_name(e.text, e.span) is not None

    def _name(self, e: tree.Name, known: Known, is_called: bool = False) -> None:
        if self._is_known(e, known):
            return
        names = {*known, *self.scope.entries, *language_names()}
        is_dim = is_dim_name(e) and not is_called
        if is_dim and len(e.text) == 1:
            names = set()  # a letter is near to none, nor `b` meant by `B`
        help, fix = habit_help(e.text, names), None
        if help is None and (found := import_of(e.text, self.scope)):
            help, fix = found
        help = help or suggestion(e.text, names)
        if help is None and is_dim:
            help = f"a dim is named by an input, or by a result, as in `-> f32[B, {e.text}]`"
        message = f"unknown name `{e.text}`"
        self.context.report(error("Q101", message, e.span, "not found", help=help, fix=fix))


CHECK = Check("names", run)
