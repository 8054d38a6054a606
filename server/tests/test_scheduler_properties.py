"""Random flows in random order: what a run comes to depends on the flow alone."""

from __future__ import annotations

from collections import Counter
from itertools import count

from graph_builder import valid
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from instep_server.core.decorators import with_decorators
from instep_server.core.failure import Failure, FailureKind
from instep_server.core.graph_types import Decorator, Graph
from instep_server.core.planned import PlannedTask, TaskMade
from instep_server.core.states import RUN_ENDS, TASK_ENDS, RunState, TaskState
from plan_driver import Driver

Block = tuple[str, list[list["Block"]]]
BOOM = Failure(kind=FailureKind.USER_ERROR, message="Boom.")


def _inner(blocks: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
    body = st.lists(blocks, min_size=1, max_size=2)
    return st.one_of(
        st.tuples(st.just("split"), st.lists(body, min_size=2, max_size=3)),
        st.tuples(st.just("foreach"), st.lists(body, min_size=1, max_size=1)),
        st.tuples(st.just("switch"), st.lists(body, min_size=2, max_size=3)),
    )


PLAIN: Block = ("plain", [])
LOOP: Block = ("loop", [])
blocks = st.recursive(st.sampled_from([PLAIN, LOOP]), _inner, max_leaves=6)
flows = st.lists(blocks, max_size=3)


def write(body: list[Block]) -> Graph:
    """Writes nested blocks as a flow."""
    flow = {"end": ""}
    numbers = count()

    def put(part: list[Block], after: str) -> str:
        for kind, bodies in reversed(part):
            name = f"s{next(numbers)}"
            if kind == "plain":
                flow[name] = after
            elif kind == "loop":
                flow[f"{name}_out"] = after
                flow[name] = f"?{name} {name}_out"
            elif kind == "switch":
                flow[f"{name}_met"] = after
                flow[name] = "?" + " ".join(put(one, f"{name}_met") for one in bodies)
            else:
                flow[f"{name}_join!"] = after
                entries = [put(one, f"{name}_join") for one in bodies]
                flow[name] = ("*" if kind == "foreach" else "") + " ".join(entries)
            after = name
        return after

    flow["start"] = put(body, "end")
    return valid(flow)


def items(task: PlannedTask) -> int:
    """How many items a foreach has: different from task to task, but always the same."""
    return 1 + (sum(task.foreach_path) + len(task.step.name)) % 3


def outcome_of(graph: Graph) -> tuple[str, Counter[tuple[str, tuple[int, ...]]]]:
    """Runs a flow in the plainest order: what its last task sees, and which tasks there were."""
    driver = Driver(graph, items)
    driver.start()
    driver.run_all()
    return driver.done[-1].left["trace"].hash, tasks_of(driver)


def tasks_of(driver: Driver) -> Counter[tuple[str, tuple[int, ...]]]:
    return Counter((task.step.name, task.foreach_path) for task in driver.plan.tasks.values())


class Runs(RuleBasedStateMachine):
    """One run, in which anything may happen at any time."""

    @initialize(body=flows, times=st.integers(0, 2))
    def begin(self, body: list[Block], times: int) -> None:
        retry = Decorator(name="retry", arguments=f'{{"times": {times}}}')
        self.graph, _ = with_decorators(write(body), [retry])
        self.expected, self.expected_tasks = outcome_of(self.graph)
        self.driver = Driver(self.graph, items)
        self.driver.start()
        self.spoiled = False

    @precondition(lambda self: self.driver.ready)
    @rule(data=st.data())
    def lease(self, data: st.DataObject) -> None:
        self.driver.lease(data.draw(st.sampled_from(sorted(self.driver.ready))))

    @precondition(lambda self: self.driver.active)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        self.driver.succeed(data.draw(st.sampled_from(sorted(self.driver.active))))

    @precondition(lambda self: self.driver.active)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        task = self.driver.plan.tasks[data.draw(st.sampled_from(sorted(self.driver.active)))]
        self.driver.take(self.driver.plan.release(task.id, "Lost."))
        self.spoiled |= task.state is TaskState.FAILED

    @precondition(lambda self: self.driver.active)
    @rule(data=st.data(), chance=st.integers(0, 4))
    def fail(self, data: st.DataObject, chance: int) -> None:
        if chance == 0:
            task = self.driver.plan.tasks[data.draw(st.sampled_from(sorted(self.driver.active)))]
            self.driver.take(self.driver.plan.fail(task.id, BOOM))
            self.spoiled |= task.state is TaskState.FAILED

    @precondition(lambda self: self.driver.waiting)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        self.driver.take(self.driver.plan.retry(data.draw(st.sampled_from(sorted(self.driver.waiting)))))

    @rule(chance=st.integers(0, 19))
    def cancel(self, chance: int) -> None:
        if chance == 0 and not self.driver.plan.is_ending:
            self.driver.take(self.driver.plan.cancel("Enough."))
            self.spoiled = True

    @invariant()
    def tasks_are_what_the_plan_says(self) -> None:
        for task in self.driver.plan.tasks.values():
            place = {
                TaskState.READY: self.driver.ready,
                TaskState.ACTIVE: self.driver.active,
                TaskState.RETRY_WAIT: self.driver.waiting,
            }
            assert (task.id in place.get(task.state, {})) == (task.state in place)

    @invariant()
    def no_task_is_made_twice_or_out_of_place(self) -> None:
        assert tasks_of(self.driver) <= self.expected_tasks
        made = [action.task.id for action in self.driver.actions if isinstance(action, TaskMade)]
        assert made == list(range(1, len(made) + 1))

    @invariant()
    def parents_have_succeeded(self) -> None:
        for task in self.driver.plan.tasks.values():
            states = {self.driver.plan.tasks[parent].state for parent in task.parents}
            assert states <= {TaskState.SUCCEEDED}

    @invariant()
    def something_can_happen_until_the_end(self) -> None:
        plan = self.driver.plan
        can_go_on = self.driver.ready or self.driver.active or self.driver.waiting
        assert bool(can_go_on) != (plan.is_settled or plan.state in RUN_ENDS)
        if plan.is_ending:
            assert not self.driver.ready
            assert not self.driver.waiting

    def teardown(self) -> None:
        if not hasattr(self, "driver"):
            return
        driver = self.driver
        while driver.ready or driver.active or driver.waiting:
            for task_id in list(driver.waiting):
                driver.take(driver.plan.retry(task_id))
            for task_id in list(driver.ready):
                driver.lease(task_id)
            for task_id in sorted(driver.active, reverse=True):
                driver.succeed(task_id)
        driver.take(driver.plan.finish())
        assert all(task.state in TASK_ENDS for task in driver.plan.tasks.values())
        assert (driver.plan.state is RunState.SUCCEEDED) != self.spoiled
        if not self.spoiled:
            assert tasks_of(driver) == self.expected_tasks
            last = max((task for task in driver.done if task.step.name == "end"), key=lambda task: task.id)
            assert last.left["trace"].hash == self.expected


TestRuns = Runs.TestCase
TestRuns.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
