"""Runs as they are at this moment: what they found so far, and what people may do with them."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from agentopt.canonical import from_jsonable
from agentopt.errors import FormatError, UsageError
from agentopt.events import RunFinished, RunStarted
from agentopt.inspector.document import candidate_piece, exchanges_piece, run_document
from agentopt.inspector.standing import Standing
from agentopt.inspector.view import RunView, view
from agentopt.review import decision_of
from agentopt.store.control import Control, OpenQuestion
from agentopt.store.lock import is_locked
from agentopt.store.reading import RecordReader
from agentopt.store.sqlite import RunInfo

_OWN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
"""Ids as `run.new_run_id` makes them; others come from files, and are not put on a command line."""
_PIECE = re.compile(r"(?P<run>.+)/(?P<kind>candidate|exchanges)/(?P<number>\d{1,9})", re.DOTALL)
_MOST_KEPT = 4
_T = TypeVar("_T")

State = Literal["running", "waiting", "stopping", "interrupted", "stopped", "finished"]


@dataclass
class _Followed(Generic[_T]):
    """Something made of a run's events, up to one of them."""

    made: _T
    serial: int


class LiveRecord:
    """A record that may grow while it is looked at. Safe to use from several threads.

    Args:
        path: the record's file.
        reviewer: who decides here, for the record.
    """

    def __init__(self, path: Path, *, reviewer: str) -> None:
        self.path = path
        self._reviewer = reviewer
        self._reader = RecordReader(path)
        self._control = Control(path)
        self._views_lock = threading.Lock()
        self._lock = threading.Lock()
        self._views: dict[str, _Followed[RunView]] = {}
        self._standings: dict[str, _Followed[Standing]] = {}
        self._ends: dict[str, _Followed[tuple[RunStarted, RunFinished | None]]] = {}
        self._resumed: dict[str, subprocess.Popen[bytes]] = {}

    def runs(self) -> list[dict[str, Any]]:
        """The runs as the page lists them, oldest first."""
        return [{"run": info.run, "task": info.task} for info in self._reader.runs()]

    def states(self, run: str | None = None) -> dict[str, Any]:
        """How all runs stand, or one of them, with the questions that they have."""
        questions = [q for q in self._control.questions() if run in (None, q.run)]
        tasks = {info.run: info.task for info in self._reader.runs()}
        listed = [info for info in self._reader.runs() if run in (None, info.run)]
        return {
            "runs": [self._standing(info, [q for q in questions if q.run == info.run]) for info in listed],
            "questions": [
                {
                    **q.question,
                    "number": q.number,
                    "run": q.run,
                    "task": tasks.get(q.run, ""),
                    "is_awaited": is_locked(self.path, q.run),
                }
                for q in questions
                if not q.is_answered
            ],
        }

    def document(self, name: str, *, after: int = -1) -> Any:
        """A run's document, or a piece of it (see `inspector.document`), by name as the page asks for it.

        Args:
            after: as in `run_document`.

        Raises:
            UsageError: there is no such run or piece.
        """
        known = {info.run for info in self._reader.runs()}
        piece = None if name in known else _PIECE.fullmatch(name)
        run = name if piece is None else piece["run"]
        if run not in known:
            raise UsageError(f"there is no run `{run[:100]}`")
        with self._views_lock:
            followed = self._followed(run)
            if piece is None:
                return run_document(followed, after=after)
            make = candidate_piece if piece["kind"] == "candidate" else exchanges_piece
            return make(followed, int(piece["number"]))

    def stop(self, run: str) -> None:
        """Asks a run that goes on to end after what is under way.

        Raises:
            UsageError: it does not go on.
        """
        if not is_locked(self.path, run):
            raise UsageError(f"run `{run}` is not going on, so there is nothing to stop")
        self._control.ask_to_stop(run)

    def answer(self, number: int, decision: dict[str, Any]) -> None:
        """Gives a run the decision it waits for; whether it fits is checked there, and asked again if it does not.

        Raises:
            UsageError: it is no decision, or the question was answered before.
        """
        checked = decision_of({**decision, "by": self._reviewer})
        if not self._control.answer(number, checked.to_json()):
            raise UsageError("this question was answered already")

    def resume(self, run: str) -> Path:
        """Starts a process that goes on with a run, and returns the file of its output; it outlives this one.

        Raises:
            UsageError: it cannot be resumed from here; the words say how it can.
        """
        info = next((info for info in self._reader.runs() if info.run == run), None)
        if info is None:
            raise UsageError(f"there is no run `{run[:100]}`")
        state = self._standing(info, [])
        if not state["can_resume"]:
            raise UsageError(state["hint"] or f"run `{run}` is {state['state']}")
        log = self._log(run)
        command = [sys.executable, "-c", "from agentopt.cli.main import main; main()", "resume", run]
        try:
            with log.open("ab") as output:
                self._resumed[run] = subprocess.Popen(
                    [*command, "--out", str(self.path.parent)],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for the server; the run goes on
                )
        except OSError as error:
            raise UsageError(f"cannot start `agentopt resume {run}`: {error}") from error
        return log

    def _followed(self, run: str) -> RunView:
        """The view of a run, with what was written since the last look; the last few are kept."""
        followed = self._views.pop(run, None)
        news = self._reader.outline(run, -1 if followed is None else followed.serial)
        if followed is None:
            followed = _Followed(view(news), news[-1].serial)
            followed.made.read = partial(self._reader.event, run)
        else:
            for one in news:
                followed.made.take(one)
                followed.serial = one.serial
        self._views[run] = followed
        while len(self._views) > _MOST_KEPT:
            self._views.pop(next(iter(self._views)))
        return followed.made

    def _standing(self, info: RunInfo, questions: list[OpenQuestion]) -> dict[str, Any]:
        run, last = info.run, self._reader.last_serial(info.run)
        with self._lock:
            header, finished = self._end(run, last)
            score, spent = self._found(run, last, finished)
        state = self._state(run, finished, questions)
        hint = "" if state in ("running", "waiting", "stopping") else self._hint(run, header, finished)
        return {
            "run": run,
            "task": info.task,
            "started": info.started,
            "last": last,
            "state": state,
            "reason": finished.reason if finished else "",
            "score": score if score is None or abs(score) != float("inf") else str(score),
            "spent": spent,
            "can_stop": state in ("running", "waiting"),
            "can_resume": state in ("interrupted", "stopped") and not hint,
            "hint": hint or self._failure(run),
        }

    def _end(self, run: str, last: int) -> tuple[RunStarted, RunFinished | None]:
        """The header, and how the run ended, unless it goes on or was killed."""
        known = self._ends.get(run)
        if known is None or known.serial != last:
            ends = self._reader.first_and_last(run)
            header, end = ends[0].event, ends[-1].event
            if not isinstance(header, RunStarted):
                raise FormatError(f"{self.path}, run {run}: a record starts with `run_started`; this one does not")
            known = self._ends[run] = _Followed((header, end if isinstance(end, RunFinished) else None), last)
        return known.made

    def _found(self, run: str, last: int, finished: RunFinished | None) -> tuple[float | None, dict[str, float]]:
        """The best score so far, and what was spent."""
        if finished is not None and finished.result is not None:
            result = from_jsonable(finished.result)
            return result.get("dev_best"), {k: v for k, v in (result.get("spent") or {}).items() if v}
        standing = self._standings.setdefault(run, _Followed(Standing(), -1))
        if standing.serial < last:
            for one in self._reader.counted(run, standing.serial):
                standing.made.take(one.event)
                standing.serial = one.serial
        return standing.made.best, {k: v for k, v in standing.made.spent.items() if v}

    def _state(self, run: str, finished: RunFinished | None, questions: list[OpenQuestion]) -> State:
        is_over = finished is not None and finished.ended not in ("error", "unanswered")
        if finished is not None and is_over and finished.ended != "stopped":
            return "finished"
        if is_locked(self.path, run) or self._is_starting(run):
            if self._control.is_stop_asked(run):
                return "stopping"
            return "waiting" if any(not q.is_answered for q in questions) else "running"
        return "stopped" if is_over else "interrupted"

    def _failure(self, run: str) -> str:
        """The last line of what a resumed run said, where its process failed."""
        started = self._resumed.get(run)
        if started is None or not started.poll():
            return ""
        lines = self._log(run).read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "")[:500]

    def _log(self, run: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{run}.log")

    def _is_starting(self, run: str) -> bool:
        started = self._resumed.get(run)
        return started is not None and started.poll() is None

    def _hint(self, run: str, header: RunStarted, finished: RunFinished | None) -> str:
        """How the run is resumed where it cannot be from here; empty where it can, or is finished."""
        if "optimizer" not in header.settings:
            return "made by steps in somebody's own loop; run that loop on"
        if finished is not None and finished.ended == "budget":
            return f"to go on: agentopt resume {run} with a larger budget, such as --asks"
        if finished is not None and finished.ended == "done":
            return ""
        if not header.task.get("reference"):
            return f"to go on, in Python: agentopt.resume({run!r}, workflow=…), with what `optimize` was given"
        if self.path.name != "agentopt.sqlite" or not _OWN_ID.fullmatch(run):
            return "to go on, keep it as a trace file: agentopt keep, then agentopt resume FILE"
        return ""
