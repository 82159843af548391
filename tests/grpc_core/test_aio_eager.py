"""Tasks that begin at once are tasks in every other way, and the loop is left as it was."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

import pytest

from grpc_core import StatusCode, aio
from grpc_core.aio.eager import TaskStarter
from tests.grpc_core.support import joined, method, run, status_of

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="default")


def in_a_callback(function: Callable[[TaskStarter], Any]) -> Any:
    """What a function returns that is called by the loop itself, as a protocol is: no task is running then."""

    async def main() -> Any:
        loop = asyncio.get_running_loop()
        result = loop.create_future()

        def call() -> None:
            try:
                result.set_result(function(TaskStarter(loop)))
            except BaseException as error:
                result.set_exception(error)

        loop.call_soon(call)
        return await result

    async def and_wait() -> Any:
        returned = await main()
        return await returned if isinstance(returned, asyncio.Task) else returned

    results = []

    async def bounded() -> None:
        results.append(await and_wait())

    run(bounded())
    return results[0]


def test_a_coroutine_that_does_not_wait_is_over_at_once() -> None:
    seen = []

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        seen.append(task.get_name())

    def start(tasks: TaskStarter) -> bool:
        return tasks.start(work(), "its name").done()

    assert in_a_callback(start)
    assert seen == ["its name"]


def test_one_that_waits_goes_on_in_the_same_task() -> None:
    seen: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        async with asyncio.timeout(10):  # which wants to be in a task
            await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    def start(tasks: TaskStarter) -> asyncio.Task[None]:
        task = tasks.start(work(), "waits")
        assert not task.done()
        assert seen == [task]
        return task

    in_a_callback(start)
    assert seen[0] is seen[1]
    assert seen[0] is not None


def test_an_exception_stays_in_the_task() -> None:
    async def work() -> None:
        raise LookupError("not here")

    def start(tasks: TaskStarter) -> asyncio.Task[None]:
        task = tasks.start(work(), "fails")
        assert task.done()
        return task

    with pytest.raises(LookupError, match="not here"):
        in_a_callback(start)


def test_it_can_be_cancelled_where_it_waits() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    def start(tasks: TaskStarter) -> asyncio.Task[None]:
        task = tasks.start(work(), "cancelled")
        task.cancel()
        return task

    with pytest.raises(asyncio.CancelledError):
        in_a_callback(start)


def test_it_has_a_context_of_its_own_or_the_one_it_is_given() -> None:
    async def work() -> None:
        seen.append(VARIABLE.get())
        VARIABLE.set("changed")

    seen: list[str] = []

    def start(tasks: TaskStarter) -> str:
        given = contextvars.copy_context()
        given.run(VARIABLE.set, "given")
        tasks.start(work(), "own")
        tasks.start(work(), "given", given)
        assert given[VARIABLE] == "changed"
        return VARIABLE.get()

    assert in_a_callback(start) == "default"
    assert seen == ["default", "given"]


def test_inside_a_task_another_one_begins_in_the_next_turn() -> None:
    async def main() -> None:
        began = []

        async def work() -> None:
            began.append(asyncio.current_task())

        task = TaskStarter(asyncio.get_running_loop()).start(work(), "later")
        assert not began
        await task
        assert began == [task]

    run(main())


def test_a_task_factory_is_asked() -> None:
    async def work() -> None:
        began.append(asyncio.current_task())

    began: list[asyncio.Task[Any] | None] = []

    def start(_: TaskStarter) -> asyncio.Task[None]:
        made = []

        def factory(loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
            made.append(coroutine)
            return asyncio.Task(coroutine, loop=loop, **more)

        loop = asyncio.get_running_loop()
        loop.set_task_factory(factory)  # type: ignore[arg-type]  # a factory may take what create_task was given
        task = TaskStarter(loop).start(work(), "made")
        loop.set_task_factory(None)
        assert len(made) == 1
        assert not began
        return task

    in_a_callback(start)
    assert len(began) == 1


def test_a_call_soon_that_somebody_has_replaced_stays() -> None:
    async def work() -> None:
        return None

    asked = []

    def start(tasks: TaskStarter) -> asyncio.Task[None]:
        loop = asyncio.get_running_loop()
        own = loop.call_soon

        def replaced(callback: Any, *arguments: Any, context: Any = None) -> asyncio.Handle:
            asked.append(callback)
            return own(callback, *arguments, context=context)

        loop.call_soon = replaced  # type: ignore[method-assign,assignment]
        task = tasks.start(work(), "in the next turn")
        assert loop.call_soon is replaced
        assert len(asked) == 1
        assert not task.done()
        del loop.call_soon
        return task

    in_a_callback(start)


def test_the_loop_is_as_it_was() -> None:
    """Also after what is no coroutine; and what a finalizer, or whoever runs meanwhile, calls soon is called soon."""

    async def work() -> None:
        return None

    def start(tasks: TaskStarter) -> asyncio.Future[str]:
        loop = asyncio.get_running_loop()
        before = loop.call_soon
        called: asyncio.Future[str] = loop.create_future()

        class Name:
            def __str__(self) -> str:
                loop.call_soon(called.set_result, "called")
                return "a name"

        with pytest.raises(TypeError):
            tasks.start(None, "none")  # type: ignore[arg-type]
        task = tasks.start(work(), Name())  # type: ignore[arg-type]
        assert task.done()
        assert task.get_name() == "a name"
        assert not called.done()
        assert loop.call_soon == before
        return called

    async def main() -> None:
        loop = asyncio.get_running_loop()
        made: asyncio.Future[asyncio.Future[str]] = loop.create_future()
        loop.call_soon(lambda: made.set_result(start(TaskStarter(loop))))
        assert await (await made) == "called"

    run(main())


# -- going on ----------------------------------------------------------------------------------------------------------


def waiting(seen: list[str], error: BaseException | None = None) -> tuple[asyncio.Task[None], asyncio.Future[None]]:
    """A task that waits for the future, notes that it goes on, and raises the error if there is one."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future
        task = asyncio.current_task()
        assert task is not None
        seen.append(task.get_name())
        if error is not None:
            raise error

    return asyncio.get_running_loop().create_task(work(), name=f"task {len(seen)}"), future


def test_who_waits_for_a_future_goes_on_at_once() -> None:
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        both = [waiting(seen) for _ in range(3)]
        both[1][1].cancel()  # who has given up meanwhile
        await asyncio.sleep(0)
        counted: asyncio.Future[int] = loop.create_future()

        def resume() -> None:
            TaskStarter(loop).resume([future for _, future in both])
            counted.set_result(len(seen))

        loop.call_soon(resume)
        assert await counted == 2
        assert [task.done() for task, _ in both] == [True, True, True]
        assert both[1][0].cancelled()

    run(main())


def test_inside_a_task_others_go_on_in_the_next_turn() -> None:
    seen: list[str] = []

    async def main() -> None:
        task, future = waiting(seen)
        await asyncio.sleep(0)
        TaskStarter(asyncio.get_running_loop()).resume([future])
        assert future.done()
        assert not seen
        await task
        assert len(seen) == 1

    run(main())


def test_who_ends_the_loop_does_not_keep_others_from_going_on() -> None:
    """SystemExit leaves a task, and the loop: whoever was to go on after it does so when the loop runs again."""
    seen: list[str] = []
    loop = asyncio.new_event_loop()
    tasks: list[asyncio.Task[None]] = []

    async def main() -> None:
        both = [waiting(seen, error) for error in (None, SystemExit(3), None)]
        tasks.extend(task for task, _ in both)
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(TaskStarter(loop).resume, [future for _, future in both])
        await asyncio.gather(*tasks, return_exceptions=True)

    with pytest.raises(SystemExit):
        loop.run_until_complete(main())
    assert len(seen) == 2
    assert "call_soon" not in loop.__dict__
    loop.run_until_complete(tasks[2])
    assert len(seen) == 3
    with pytest.raises(SystemExit):
        tasks[1].result()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


# -- handlers ----------------------------------------------------------------------------------------------------------


def test_a_handler_is_in_a_task_named_after_its_method() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        task = asyncio.current_task()
        assert task is not None
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        return task.get_name().encode()

    async def main() -> None:
        async with joined({"Echo": handle}) as (_, channel):
            assert await method(channel)(b"") == b"/test.Service/Echo"

    run(main())


def test_a_handler_that_fails_at_once_ends_its_call_alone() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        if request == b"fail":
            raise LookupError("not here")
        if request == b"abort":
            await context.abort(StatusCode.NOT_FOUND, "nor there")
        return request

    async def main() -> None:
        async with joined({"Echo": handle}) as (server, channel):
            echo = method(channel)
            failed, aborted, fine = echo(b"fail"), echo(b"abort"), echo(b"fine")
            assert await status_of(failed) == (StatusCode.UNKNOWN, "Unexpected <class 'LookupError'>: not here")
            assert await status_of(aborted) == (StatusCode.NOT_FOUND, "nor there")
            assert await fine == b"fine"
            assert not server._rpcs

    run(main())
