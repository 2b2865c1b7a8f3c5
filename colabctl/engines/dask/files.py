"""Carries the files of tasks to and from a Dask worker that does not see the project."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from colabctl.engines.dask import brief, folders, host
from colabctl.engines.dask.brief import TaskEnd
from colabctl.engines.dask.connection import Connection
from colabctl.run.messages import End, Inbox, Notice, Returned, decode
from colabctl.task import Assignment


@dataclass(frozen=True)
class Files:
    """The files of the tasks in one slot of a Dask worker; `root` is the project's folder here.

    All methods raise Unreachable if the Dask worker is gone.
    """

    connection: Connection
    address: str
    number: int
    root: Path
    inbox: Inbox

    def bring_earlier(self, assignment: Assignment) -> None:
        """Send the files of earlier attempts, from which this one may continue."""
        for folder in map(Path, assignment.earlier):
            files, left = folders.fitting(folders.files_in(folder))
            if left:
                self.inbox.append(Notice(
                    f"note: {assignment.task}: {len(left)} files of an earlier attempt are too "
                    f"large to travel to a Dask worker (at most {folders.MOST_BYTES / 1e9:g} GB)"
                ))  # fmt: skip
            there = folder.relative_to(self.root).as_posix()
            for path, size in files.items():
                self._send(folder / path, f"{there}/{path}", size)

    def _send(self, file: Path, there: str, size: int) -> None:
        offset, last = 0, False
        while not last:
            data = folders.read_chunk(file, offset)
            last = offset + len(data) >= size or not data
            self.connection.call(
                self.address, host.put, self.number, there, offset, data, last=last
            )
            offset += len(data)

    def bring_home(self, task: Assignment, end: TaskEnd) -> None:
        """Write the files of a task that has ended into its folder."""
        if end.small is not None:
            folders.write_all(Path(task.folder), end.small)
        elif end.files:
            self.fetch(task, end.files)
            self.connection.cast(self.address, host.forget, self.number, task.index)

    def fetch(self, task: Assignment, files: brief.Files) -> None:
        """Copy these files of a task into its folder, each as a whole."""
        for path, size in files.items():
            file, offset = folders.place_of(Path(task.folder), path), 0
            while True:
                data = self.connection.call(
                    self.address, host.read, self.number, task.index, path, offset
                )
                folders.write_chunk(file, offset, data)
                offset += len(data)
                if offset >= size or not data:
                    break
            folders.finish(file)


def end_of_event(
    index: int, text: str | None, why: str, files: brief.Files, small: Mapping[str, bytes] | None
) -> TaskEnd:
    """Return the end that an event holds; raise ValueError if it holds none."""
    end = Returned(why) if text is None else decode(text.encode())
    if not isinstance(end, End):
        raise ValueError(f"{end!r:.80} is not the end of a task")  # noqa: TRY004 - bad content
    return TaskEnd(index, end, dict(files), small)
