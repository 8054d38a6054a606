"""Graphs that are made at random: nested ones pass, spoiled ones are refused, and nothing else happens."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from graph_builder import check, valid
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st
from instep_server.core.graph_types import TransitionKind

Flow = dict[str, str]
Block = tuple[str, list[list["Block"]]]

PLAIN: Block = ("plain", [])


def _inner(blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    body = st.lists(blocks, min_size=1, max_size=3)
    several = st.lists(body, min_size=2, max_size=3)
    return st.one_of(
        st.tuples(st.just("split"), several),
        st.tuples(st.just("switch"), several),
        st.tuples(st.just("foreach"), st.lists(body, min_size=1, max_size=1)),
    )


leaves = st.sampled_from([PLAIN, ("again", [])])
blocks = st.recursive(leaves, _inner, max_leaves=12)
small_blocks = st.recursive(leaves, _inner, max_leaves=4)


class _Writer:
    """Writes nested blocks as a flow, from the last to the first."""

    def __init__(self) -> None:
        self.flow: Flow = {}
        self._numbers = count()

    def body(self, body: list[Block], after: str) -> str:
        """Writes blocks one after another and returns the step with which they begin."""
        for block in reversed(body):
            after = self._block(block, after)
        return after

    def _block(self, block: Block, after: str) -> str:
        kind, bodies = block
        name = f"s{next(self._numbers)}"
        if kind == "plain":
            self.flow[name] = after
        elif kind == "again":
            self.flow[f"{name}_done"] = after
            self.flow[name] = f"?{name} {name}_done"
        elif kind == "switch":
            self.flow[name] = "?" + " ".join([self._path(body, after) for body in bodies])
        else:
            self.flow[f"{name}_join!"] = after
            entries = [self.body(body, f"{name}_join") for body in bodies]
            self.flow[name] = ("*" if kind == "foreach" else "") + " ".join(entries)
        return name

    def _path(self, body: list[Block], after: str) -> str:
        """Writes a path of a switch. A plain step at its end and its start keeps it apart from joins."""
        return self.body([PLAIN, *body, PLAIN], after)


@st.composite
def flows(draw: st.DrawFn, kinds: st.SearchStrategy[Block] = blocks) -> Flow:
    writer = _Writer()
    writer.flow["end"] = ""
    writer.flow["start"] = writer.body(draw(st.lists(kinds, min_size=1, max_size=4)), "end")
    return writer.flow


@st.composite
def spoiled(draw: st.DrawFn) -> Flow:
    """A nested flow with one change that no valid flow has."""
    flow = draw(flows())
    graph = valid(flow)
    name = draw(st.sampled_from(sorted(flow)))
    step = graph.step(name.rstrip("!"))
    change = draw(st.sampled_from(["forget", "join", "back", "unknown", "nowhere", "leave", "double"]))
    if change == "forget":
        assume(name not in ("start", "end"))
        del flow[name]
    elif change == "join":
        flow = {key + "!" if key == name else key: text for key, text in flow.items()}
        flow = {key.replace("!!", ""): text for key, text in flow.items()}
    elif change == "back":
        assume(step.sources)
        flow[name] = "start"
    elif change == "unknown":
        flow[name] += " nowhere"
    elif change == "nowhere":
        assume(name != "end")
        flow[name] = ""
    elif change == "leave":
        assume(step.open_splits and step.transition.kind is TransitionKind.LINEAR)
        flow[name] = "end"
    else:
        assume(step.transition.kind is TransitionKind.SPLIT)
        flow[name] += f" {step.transition.targets[0]}"
    return flow


@settings(deadline=None, derandomize=True)
@given(flows())
def test_nested_flow_passes(flow: Flow) -> None:
    graph = valid(flow)
    seen: set[str] = set()
    for step in graph.steps:
        assert set(step.sources) - {step.name} <= seen
        seen.add(step.name)
    assert seen == {name.rstrip("!") for name in flow}


@settings(deadline=None, derandomize=True)
@given(flows())
def test_nested_flow_has_a_join_for_each_split(flow: Flow) -> None:
    graph = valid(flow)
    for step in graph.steps:
        assert (step.closed_by is not None) == step.transition.kind.opens
        assert (step.closes is not None) == step.is_join
        if step.closed_by is not None:
            join = graph.step(step.closed_by)
            assert join.closes == step.name
            assert join.open_splits == step.open_splits


@settings(deadline=None, derandomize=True)
@given(spoiled())
def test_spoiled_flow_is_refused(flow: Flow) -> None:
    assembled = check(flow)
    assert assembled.graph is None
    assert assembled.problems
    assert all(one.message and one.locations for one in assembled.problems)


@st.composite
def rewired(draw: st.DrawFn) -> Flow:
    """A small nested flow of which one transition leads to some other later step, or to the same."""
    flow = draw(flows(small_blocks))
    order = [step.name for step in valid(flow).steps]
    assume(len(order) < 16)
    name = draw(st.sampled_from(sorted(set(flow) - {"end"})))
    form, targets = flow[name][:1], flow[name].lstrip("*?").split()
    later = order[order.index(name.rstrip("!")) + 1 :]
    changed = draw(st.integers(0, len(targets) - 1))
    targets[changed] = draw(st.sampled_from(later))
    assume(len(set(targets)) == len(targets))
    return {**flow, name: (form if form in "*?" else "") + " ".join(targets)}


@settings(
    deadline=None, derandomize=True, max_examples=300, suppress_health_check=[HealthCheck.filter_too_much]
)
@given(rewired())
def test_rewired_flow_passes_exactly_when_all_its_paths_match(flow: Flow) -> None:
    matches = _all_paths_match(flow)
    event("valid" if matches else "invalid")
    assert (check(flow).graph is not None) == matches


Frames = tuple[tuple[str, str], ...]


def _all_paths_match(flow: Flow) -> bool:
    """Follows every path from the start to the end, step by step, and compares what they meet."""
    joins = {name.rstrip("!") for name in flow if name.endswith("!")}
    texts = {name.rstrip("!"): text for name, text in flow.items()}
    visits = list(_visits(texts, joins, "start", (), ""))
    if {step for step, _, _ in visits} != set(texts):
        return False
    entered: dict[str, set[Frames]] = {}
    for step, frames, _ in visits:
        entered.setdefault(step, set()).add(frames)
    closed: dict[str, str] = {}
    for step, stacks in entered.items():
        if step in joins:
            if not all(stacks):
                return False
            splits = {frames[-1][0] for frames in stacks}
            branches = {frames[-1][1] for frames in stacks}
            split = min(splits)
            wanted = set(texts[split].lstrip("*").split())
            if len(splits) > 1 or branches != wanted or closed.setdefault(split, step) != step:
                return False
            if not _is_linear(texts[step]):
                return False
        elif len(stacks) > 1:
            return False
    straight = any(step in joins and not _is_linear(texts[source]) for step, _, source in visits)
    return not straight and entered["end"] == {()}


def _is_linear(text: str) -> bool:
    return not text.startswith(("*", "?")) and len(text.split()) == 1


def _visits(
    texts: Flow, joins: set[str], step: str, frames: Frames, source: str
) -> Iterator[tuple[str, Frames, str]]:
    yield step, frames, source
    text = texts[step]
    if step in joins:
        frames = frames[:-1]
    opens = not text.startswith("?") and not (_is_linear(text) or not text)
    for target in (one for one in text.lstrip("*?").split() if one != step):
        inner = (*frames, (step, target)) if opens else frames
        yield from _visits(texts, joins, target, inner, step)
