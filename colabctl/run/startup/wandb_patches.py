"""Patches W&B in every process of a task: its calls are followed, and its runs stay offline.

What a run logs goes into a file, from which colabctl/run/wandb reads it: W&B's own log may be
written only at the end of the run. Whatever needs W&B's server fails at once and says what to do
instead. `wandb.sweep` and `wandb.agent` are answered by the task, which is the sweep's one run.

Like patches.py, this file is loaded on its own, into any Python 3 that has W&B.
"""

from __future__ import annotations  # for the oldest Python that a task may start

import atexit
import functools
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

CALLS = "COLABCTL_WANDB_CALLS"  # variable with the file for the calls of a task
OFFLINE = "COLABCTL_WANDB_OFFLINE"  # variable that is set unless the user wants to be online

_ONLINE = "set WANDB_MODE=online and WANDB_API_KEY before `colabctl work`"
_RESERVED = {"_runtime", "_step", "_timestamp", "_wandb"}
_DEEPEST = 20  # levels of maps in logged values
_LONGEST_TEXT = 1000  # characters; a longer text is not a metric

after_log: Callable[[], None] | None = None
"""Called after each `log`; only the process that runs functions sets it."""

_numbers = itertools.count(1)
_told: set[str] = set()
_answered: set[str] = set()  # the tasks whose `wandb.agent` has called its function


def flat(
    tree: Mapping[str, Any], before: str = "", left: int = _DEEPEST
) -> Iterator[tuple[str, Any]]:
    """Yield the numbers, booleans and texts, with their keys joined by dots.

    Lists are not metrics. Nor are images, tables and histograms, which are maps with a `_type`.
    """
    for key, value in tree.items():
        if not before and key in _RESERVED:
            continue
        if isinstance(value, dict):
            if "_type" not in value and left:
                yield from flat(value, f"{before}{key}.", left - 1)
        elif type(value) in (int, float, bool) or (
            type(value) is str and len(value) <= _LONGEST_TEXT
        ):
            yield before + key, value


def change(module: Any) -> None:
    """Patch one of the modules in CHANGES; a release of W&B that differs is left as it is."""
    try:
        CHANGES[module.__name__](module)
    except Exception as error:  # noqa: BLE001 - no import may fail because of this
        _tell(f"{module.__name__} cannot be patched ({error}); W&B's log is read instead")


# -- following ------------------------------------------------------------------------------


def _interface(module: Any) -> None:
    """Follow what all of W&B's calls end in: messages to the process that writes the log."""
    interface = module.InterfaceShared

    def history(run: Any, message: Any) -> None:
        number = vars(run).get("_colabctl_number")
        if number is None or number[0] != os.getpid():  # a forked process counts its own steps
            number = vars(run)["_colabctl_number"] = (os.getpid(), next(_numbers))
        step = message.step.num if message.HasField("step") else None
        flush = message.action.flush if message.HasField("action") else None
        values = dict(flat(dict(map(_item, message.item))))
        _write({"run": number, "step": step, "flush": flush, "values": values})
        if after_log is not None:
            after_log()

    def summary(_: Any, message: Any) -> None:
        changed = [_item(item) for item in message.update]
        removed = [_name(item) for item in message.remove]
        values = [[name, dict(flat({name: value}))] for name, value in changed]
        _write({"summary": values, "removed": removed})

    _before(interface, "_publish_partial_history", history)
    _before(interface, "_publish_summary", summary)
    _before(interface, "_publish_tbdata", lambda *_: _write({"tensorboard": True}))


def _before(owner: Any, name: str, do: Callable[[Any, Any], None]) -> None:
    """Call `do` with the same arguments before each call of a method."""
    method = getattr(owner, name)

    @functools.wraps(method)
    def both(self: Any, message: Any) -> Any:
        if os.environ.get(CALLS):
            do(self, message)
        return method(self, message)

    setattr(owner, name, both)


def _name(item: Any) -> str:
    return ".".join(item.nested_key) or str(item.key)


def _item(item: Any) -> tuple[str, Any]:
    try:
        return _name(item), json.loads(item.value_json)
    except ValueError:
        return _name(item), None


def _write(call: Mapping[str, Any]) -> None:
    """Append one line; one write, because other processes of the task append as well."""
    line = json.dumps(call) + "\n"
    file = os.open(os.environ[CALLS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


# -- offline --------------------------------------------------------------------------------


def _when_offline(owner: Any, name: str, instead: Callable[..., Any]) -> None:
    """Replace a function of a module, or a method of a class, for runs that stay offline."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def either(*arguments: Any, **options: Any) -> Any:
        return (instead if os.environ.get(OFFLINE) else original)(*arguments, **options)

    is_static = isinstance(vars(owner).get(name), staticmethod)
    setattr(owner, name, staticmethod(either) if is_static else either)


def _refusing(what: str, fix: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError(
            f"{what} needs W&B's server, but the runs of a task stay offline; {fix}, or {_ONLINE}"
        )

    return refuse


def _init(module: Any) -> None:
    init = module.init

    @functools.wraps(init)
    def init_here(*arguments: Any, **options: Any) -> Any:
        if os.environ.get(OFFLINE):
            asked = _mode(options)
            if asked not in (None, "offline", "dryrun", "run"):
                _tell(
                    f"W&B's mode is offline here, not {asked}: metrics count, and nothing is sent; "
                    f"to send runs to your account, {_ONLINE}"
                )
            options["mode"] = "offline"
        run = init(*arguments, **options)
        if os.environ.get(CALLS):
            _write({"folder": os.path.abspath(run.settings.sync_dir)})
        # Otherwise W&B's service ends the run, and prints the folder whatever the settings say.
        atexit.register(run.finish)
        return run

    module.init = init_here


def _mode(options: Mapping[str, Any]) -> Any:
    """Return the mode that the options of `init`, or the environment, ask for; None if neither."""
    settings = options.get("settings")
    if isinstance(settings, dict):
        in_settings = settings.get("mode")
    else:
        is_set = "mode" in getattr(settings, "model_fields_set", ())
        in_settings = getattr(settings, "mode", None) if is_set else None
    return options.get("mode") or in_settings or os.environ.get("WANDB_MODE")


def _login(module: Any) -> None:
    _when_offline(module, "login", lambda *_, **__: True)


def _settings(module: Any) -> None:
    """Leave out the settings in the current folder, which is the project, where others write.

    With them, another member could send the user's key to another server.
    """
    settings = module.Settings
    load = getattr(settings, "_load_config_file", None)
    if load is None:
        settings.settings_workspace = property(lambda _: os.devnull)
    else:  # before wandb 0.19
        own = os.path.expanduser("~/.config/wandb/settings")
        settings._load_config_file = staticmethod(  # noqa: SLF001 - W&B has no public hook
            lambda file, *more: load(file, *more) if file == own else {}
        )


def _run(module: Any) -> None:
    run = module.Run
    copy = "copy the files into the project and read them there"
    _when_offline(run, "use_artifact", _refusing("use_artifact", copy))
    _when_offline(run, "use_model", _refusing("use_model", copy))
    refuse = _refusing("wandb.restore", "read the file from a folder in `colabctl.task().earlier`")
    _when_offline(run, "restore", refuse)
    _when_offline(module, "restore", refuse)
    for name in ("link_artifact", "link_model"):
        _when_offline(
            run, name, lambda *_, **__: _tell("the W&B run is offline: nothing is linked")
        )
    # They name the run's folder, which does not outlive the task there.
    for name in ("_header", "_footer_sync_info", "_footer_log_dir_info"):
        _when_offline(run, name, lambda *_, **__: None)


def _artifact(module: Any) -> None:
    _when_offline(module.Artifact, "wait", lambda artifact, *_, **__: artifact)


def _api(module: Any) -> None:
    _when_offline(module.Api, "__init__", _refusing("wandb.Api", "read from the project instead"))


# -- sweeps ---------------------------------------------------------------------------------


def _sweep(module: Any) -> None:
    sweep, controller = module.sweep, module.controller

    @functools.wraps(sweep)
    def sweep_here(config: Any = None, *arguments: Any, **options: Any) -> Any:
        """Return the name of colabctl's sweep, of which this task is one run."""
        if CALLS not in os.environ:
            return sweep(config, *arguments, **options)
        _note_missing(options.get("sweep", config))
        return os.environ.get("WANDB_SWEEP_ID", "colabctl")

    @functools.wraps(controller)
    def controller_here(*arguments: Any, **options: Any) -> Any:
        if CALLS not in os.environ:
            return controller(*arguments, **options)
        raise RuntimeError(
            "wandb.controller runs a sweep of its own, but this task is one run of a sweep of "
            "colabctl; declare the sweep with `colabctl sweep`"
        )

    module.sweep, module.controller = sweep_here, controller_here


def _note_missing(config: Any) -> None:
    """Name the parameters of the script's own sweep that the sweep file does not have."""
    config = config() if callable(config) else config
    file = os.environ.get("WANDB_SWEEP_PARAM_PATH")
    if not isinstance(config, dict) or not isinstance(config.get("parameters"), dict) or not file:
        return
    import yaml  # noqa: PLC0415 - W&B has it

    with open(file, encoding="utf-8") as stream:
        parameters = yaml.safe_load(stream) or {}
    missing = [str(name) for name in config["parameters"] if name not in parameters]
    if missing:
        _tell(
            f"the sweep file has no {', '.join(missing)}, which the script's own wandb.sweep has; "
            "add them under parameters:"
        )


def _agent(module: Any) -> None:
    agent = module.agent

    @functools.wraps(agent)
    def agent_here(sweep_id: Any = None, function: Any = None, *rest: Any, **options: Any) -> Any:
        """Call the function once, with the task's parameters in `wandb.config`."""
        task = os.environ.get(CALLS)
        if task is None:
            return agent(sweep_id, function, *rest, **options)
        if function is None:
            raise RuntimeError(
                "wandb.agent without function= starts the program of a sweep, but this task is "
                "one run of a sweep of colabctl; name that program as program: in the sweep file"
            )
        if task == os.devnull:
            _tell("wandb.agent runs nothing while the file is imported")
        elif task in _answered:
            _tell("wandb.agent has run its function in this task, and does not run another one")
        else:
            _answered.add(task)
            wandb = sys.modules["wandb"]
            wandb.finish()
            function()
            wandb.finish()
        return None

    module.agent = agent_here


def _tell(text: str) -> None:
    """Print a note, once in each process."""
    if text not in _told:
        _told.add(text)
        print(f"colabctl: {text}", file=sys.stderr)


CHANGES: Mapping[str, Callable[[Any], None]] = {
    "wandb.apis.public.api": _api,
    "wandb.sdk.artifacts.artifact": _artifact,
    "wandb.sdk.interface.interface_shared": _interface,
    "wandb.sdk.wandb_init": _init,
    "wandb.sdk.wandb_login": _login,
    "wandb.sdk.wandb_run": _run,
    "wandb.sdk.wandb_settings": _settings,
    "wandb.sdk.wandb_sweep": _sweep,
    "wandb.wandb_agent": _agent,
}
