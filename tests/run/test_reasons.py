"""The last thing that a program said of its failure, in the forms that programs use."""

import pytest

from colabctl.run.reasons import last_line, reason

CASES = {
    "argparse": (
        [
            "usage: t.py [-h] [--learning-rate LR]",
            "t.py: error: unrecognized arguments: --learning_rate=1",
        ],
        "t.py: error: unrecognized arguments: --learning_rate=1",
    ),
    "click": (
        [
            "Usage: t.py [OPTIONS]",
            "Try 't.py --help' for help.",
            "",
            "Error: No such option: --x Did you mean --y?",
        ],
        "Error: No such option: --x Did you mean --y?",
    ),
    "typer": (
        [
            "Usage: t.py [OPTIONS]",
            "Try 't.py --help' for help.",
            "╭─ Error ──────────────────────────╮",
            "│ No such option: --learning-rate  │",
            "│ (Possible: --lr)                 │",
            "╰──────────────────────────────────╯",
        ],
        "Error: No such option: --learning-rate (Possible: --lr)",
    ),
    "hydra": (
        [
            "Could not override 'lr'.",
            "To append to your config use +lr=1",
            "Key 'lr' is not in struct",
            "    full_key: lr",
            "    object_type=dict",
            "",
            "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.",
        ],
        "Could not override 'lr'. To append to your config use +lr=1 Key 'lr' is not in struct",
    ),
    "hydra, no such config": (
        [
            "In 'config': Could not find 'db/xx'",
            "",
            "Available options in 'db':",
            "\tmysql",
            "\tpostgresql",
            "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.",
        ],
        "In 'config': Could not find 'db/xx' Available options in 'db': mysql postgresql",
    ),
    "hydra, the job's error": (
        [
            "Error executing job with overrides: ['lr=1']",
            "Traceback (most recent call last):",
            '  File "t.py", line 3, in main',
            "    raise ValueError('boom')",
            "ValueError: boom",
            "",
            "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.",
        ],
        "ValueError: boom",
    ),
    "hydra, OmegaConf": (
        [
            "Error executing job with overrides: ['lr=1']",
            "Traceback (most recent call last):",
            '  File "t.py", line 3, in main',
            "    cfg.x",
            "omegaconf.errors.ConfigAttributeError: Key 'x' is not in struct",
            "    full_key: x",
            "    object_type=dict",
            "",
            "Set the environment variable HYDRA_FULL_ERROR=1 for a complete stack trace.",
        ],
        "omegaconf.errors.ConfigAttributeError: Key 'x' is not in struct",
    ),
    "bash": (
        [
            "hello",
            "train.sh: line 3: python3x: command not found",
        ],
        "train.sh: line 3: python3x: command not found",
    ),
    "dash": (
        [
            "sh: 1: python3x: not found",
        ],
        "sh: 1: python3x: not found",
    ),
    "python -m": (
        [
            "/usr/bin/python3: No module named x",
        ],
        "/usr/bin/python3: No module named x",
    ),
    "R": (
        [
            "Error in f() : object 'x' not found",
            "Calls: f",
            "Execution halted",
        ],
        "Error in f() : object 'x' not found",
    ),
    "R, two lines": (
        [
            "Error in library(foo) : ",
            "  there is no package called \u2018foo\u2019",
            "Execution halted",
        ],
        "Error in library(foo) : there is no package called \u2018foo\u2019",
    ),
    "R, top level": (
        [
            "Error: object 'x' not found",
            "Execution halted",
        ],
        "Error: object 'x' not found",
    ),
    "julia": (
        [
            "ERROR: LoadError: UndefVarError: `x` not defined in `Main`",
            "Stacktrace:",
            " [1] top-level scope",
            "   @ ~/t.jl:1",
            "in expression starting at /x/t.jl:1",
        ],
        "ERROR: LoadError: UndefVarError: `x` not defined in `Main`",
    ),
    "node": (
        [
            "/x/t.js:3",
            '    throw new Error("boom");',
            "    ^",
            "",
            "Error: boom",
            "    at Object.<anonymous> (/x/t.js:3:7)",
            "    at Module._compile (node:internal)",
            "",
            "Node.js v18.0.0",
        ],
        "Error: boom",
    ),
    "node, a module": (
        [
            "node:internal/modules/cjs/loader:1",
            "  throw err;",
            "  ^",
            "",
            "Error: Cannot find module 'x'",
            "Require stack:",
            "- /x/t.js",
            "    at Module._resolve",
            "  code: 'MODULE_NOT_FOUND',",
        ],
        "Error: Cannot find module 'x' Require stack: - /x/t.js",
    ),
    "chained": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    1/0",
            "ZeroDivisionError: division by zero",
            "",
            "During handling of the above exception, another exception occurred:",
            "",
            "Traceback (most recent call last):",
            '  File "t.py", line 4, in <module>',
            "    raise ValueError('x')",
            "ValueError: x",
        ],
        "ValueError: x",
    ),
    "group": (
        [
            "  + Exception Group Traceback (most recent call last):",
            '  |   File "t.py", line 1, in <module>',
            "  |     raise ExceptionGroup('eg', [ValueError(1), TypeError(2)])",
            "  | ExceptionGroup: eg (2 sub-exceptions)",
            "  +-+---------------- 1 ----------------",
            "    | ValueError: 1",
            "    +---------------- 2 ----------------",
            "    | Traceback (most recent call last):",
            '    |   File "t.py", line 1, in f',
            "    |     raise TypeError(2)",
            "    | TypeError: 2",
            "    +------------------------------------",
        ],
        "ExceptionGroup: eg (2 sub-exceptions): ValueError: 1; TypeError: 2",
    ),
    "syntax": (
        [
            '  File "/x/t.py", line 3',
            "    def f(:",
            "          ^",
            "SyntaxError: invalid syntax",
        ],
        "SyntaxError: invalid syntax (t.py, line 3)",
    ),
    "pydantic": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    C(lr='a')",
            "pydantic_core._pydantic_core.ValidationError: 1 validation error for C",
            "lr",
            "  Input should be a valid number, unable to parse string as a number [type=float_parsing, input_value='a', input_type=str]",
            "    For further information visit https://errors.pydantic.dev/2.11/v/float_parsing",
        ],
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for C lr Input should be a valid number, unable to parse string as a number [type=float_parsing, input_value='a', input_type=str]",
    ),
    "interrupt": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    time.sleep(3)",
            "KeyboardInterrupt",
        ],
        "KeyboardInterrupt: time.sleep(3) (t.py, line 2)",
    ),
    "assertion without text": (
        [
            "Traceback (most recent call last):",
            '  File "/x/t.py", line 2, in <module>',
            "    assert x > 3",
            "           ^^^^^",
            "AssertionError",
        ],
        "AssertionError: assert x > 3 (t.py, line 2)",
    ),
    "torchrun": (
        [
            "[rank0]: Traceback (most recent call last):",
            '[rank0]:   File "t.py", line 2, in <module>',
            "[rank0]:     raise ValueError('bad shape')",
            "[rank0]: ValueError: bad shape",
            "E1129 10:00:00.000000 123 torch/distributed/elastic/multiprocessing/api.py:869] failed (exitcode: 1) local_rank: 0 (pid: 1) of binary: python",
            "Traceback (most recent call last):",
            '  File "/x/torchrun", line 8, in <module>',
            "    sys.exit(main())",
            '  File "z", line 1, in x',
            "    raise ChildFailedError(",
            "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ",
            "============================================================",
            "train.py FAILED",
            "------------------------------------------------------------",
            "Failures:",
            "  <NO_OTHER_FAILURES>",
            "------------------------------------------------------------",
            "Root Cause (first observed failure):",
            "[0]:",
            "  time      : 2024",
            "  exitcode  : 1 (pid: 12345)",
            "  traceback : To enable traceback see: https://pytorch.org/docs/stable/elastic/errors.html",
            "============================================================",
        ],
        "ValueError: bad shape",
    ),
    "accelerate": (
        [
            "t.py: error: unrecognized arguments: --lr=1",
            "Traceback (most recent call last):",
            '  File "/x/accelerate", line 8, in <module>',
            "    sys.exit(main())",
            "subprocess.CalledProcessError: Command '['python', 't.py']' returned non-zero exit status 2.",
        ],
        "t.py: error: unrecognized arguments: --lr=1",
    ),
    "multiprocessing": (
        [
            "multiprocessing.pool.RemoteTraceback: ",
            '"""',
            "Traceback (most recent call last):",
            '  File "pool.py", line 125, in worker',
            "    result = (True, func(*args, **kwds))",
            "ValueError: inner",
            '"""',
            "",
            "The above exception was the direct cause of the following exception:",
            "",
            "Traceback (most recent call last):",
            '  File "t.py", line 5, in <module>',
            "    p.map(f, [1])",
            "ValueError: inner",
        ],
        "ValueError: inner",
    ),
    "spawn": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 5, in <module>',
            "    mp.spawn(f)",
            "torch.multiprocessing.spawn.ProcessRaisedException: ",
            "",
            "-- Process 0 terminated with the following error:",
            "Traceback (most recent call last):",
            '  File "x.py", line 90, in _wrap',
            "    fn(i)",
            "ValueError: rank failed",
        ],
        "ValueError: rank failed",
    ),
    "absl": (
        [
            "FATAL Flags parsing error:",
            "  Unknown command line flag 'learning_rate'. Did you mean: lr ?",
            "Pass --helpshort or --helpfull to see help on flags.",
        ],
        "FATAL Flags parsing error: Unknown command line flag 'learning_rate'. Did you mean: lr ? Pass --helpshort or --helpfull to see help on flags.",
    ),
    "fire": (
        [
            "ERROR: Could not consume arg: --x",
            "Usage: t.py <flags>",
            "  optional flags:        --lr",
            "",
            "For detailed information on this command, run:",
            "  t.py --help",
        ],
        "ERROR: Could not consume arg: --x",
    ),
    "lightning": (
        [
            "usage: t.py [-h]",
            't.py: error: Parser key "trainer.max_epochs":',
            "  Does not validate against any of the Union subtypes",
        ],
        't.py: error: Parser key "trainer.max_epochs": Does not validate against any of the Union subtypes',
    ),
    "jsonargparse": (
        [
            "usage: t.py [-h]",
            "tip: For details of accepted options run: t.py --help",
            "error: Unrecognized arguments: --x",
        ],
        "error: Unrecognized arguments: --x",
    ),
    "tqdm": (
        [
            "  0%|          | 0/10 [00:00<?, ?it/s]Traceback (most recent call last):",
            '  File "t.py", line 2',
            "    x",
            "RuntimeError: CUDA error: device-side assert triggered",
            "CUDA kernel errors might be asynchronously reported at some other API call",
        ],
        "RuntimeError: CUDA error: device-side assert triggered CUDA kernel errors might be asynchronously reported at some other API call",
    ),
    "logging": (
        [
            "INFO:root:start",
            "ERROR:root:cannot read the data",
        ],
        "ERROR:root:cannot read the data",
    ),
    "logging with time": (
        [
            "2024-01-01 12:00:00,123 - __main__ - ERROR - no data",
        ],
        "ERROR: no data",
    ),
    "loguru": (
        [
            "2024-01-01 12:00:00.123 | ERROR    | __main__:main:3 - no data",
        ],
        "ERROR: __main__:main:3 - no data",
    ),
    "faulthandler": (
        [
            "Fatal Python error: Segmentation fault",
            "",
            "Current thread 0x00007f (most recent call first):",
            '  File "t.py", line 3 in f',
            "",
            "Extension modules: numpy (total: 1)",
        ],
        "Fatal Python error: Segmentation fault",
    ),
    "CUDA memory": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    x = torch.zeros(1)",
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has",
        ],
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has",
    ),
    "MemoryError": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    x = [0] * n",
            "MemoryError",
        ],
        "MemoryError: x = [0] * n (t.py, line 2)",
    ),
    "killed in a script": (
        [
            "train.sh: line 3: 12345 Killed                  python x.py",
        ],
        "train.sh: line 3: 12345 Killed python x.py",
    ),
    "killed": (
        [
            "Killed",
        ],
        "Killed",
    ),
    "core dump": (
        [
            "Segmentation fault (core dumped)",
        ],
        "Segmentation fault (core dumped)",
    ),
    "TensorFlow": (
        [
            "2024-01-01 12:00:00.123456: E tensorflow/core/x.cc:123] failed to allocate",
        ],
        "failed to allocate",
    ),
    "rich": (
        [
            "╭───────────────────── Traceback (most recent call last) ──────────────────────╮",
            "│ /x/t.py:8 in main                                                            │",
            "│                                                                              │",
            "│ ❱ 8     raise ValueError('boom')                                             │",
            "╰──────────────────────────────────────────────────────────────────────────────╯",
            "ValueError: boom",
        ],
        "ValueError: boom",
    ),
    "a figure": (
        [
            "Error: 0.25",
            "epoch 3",
        ],
        "",
    ),
    "nothing": (
        [
            "epoch 3",
        ],
        "",
    ),
    "full disk": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    print(1)",
            "OSError: [Errno 28] No space left on device",
        ],
        "OSError: [Errno 28] No space left on device",
    ),
    "C++": (
        [
            "terminate called after throwing an instance of 'std::runtime_error'",
            "  what():  boom",
            "Aborted (core dumped)",
        ],
        "terminate called after throwing an instance of 'std::runtime_error' what(): boom",
    ),
    "java": (
        [
            'Exception in thread "main" java.lang.RuntimeException: boom',
            "\tat X.main(X.java:3)",
            "Caused by: java.io.IOException: no file",
            "\tat X.y(X.java:1)",
            "\t... 1 more",
        ],
        "Caused by: java.io.IOException: no file",
    ),
    "go": (
        [
            "panic: boom",
            "",
            "goroutine 1 [running]:",
            "main.main()",
            "exit status 2",
        ],
        "panic: boom",
    ),
    "rust": (
        [
            "thread 'main' panicked at src/main.rs:2:5:",
            "boom",
            "note: run with `RUST_BACKTRACE=1`",
        ],
        "thread 'main' panicked at src/main.rs:2:5: boom",
    ),
    "make": (
        [
            "t.py: error: bad",
            "make: *** [Makefile:2: all] Error 2",
        ],
        "t.py: error: bad",
    ),
    "env": (
        [
            "/usr/bin/env: \u2018python4\u2019: No such file or directory",
        ],
        "/usr/bin/env: \u2018python4\u2019: No such file or directory",
    ),
    "python without the file": (
        [
            "/usr/bin/python3: can't open file '/x/t.py': [Errno 2] No such file or directory",
        ],
        "/usr/bin/python3: can't open file '/x/t.py': [Errno 2] No such file or directory",
    ),
    "torch's weights": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    m.load_state_dict(s)",
            "RuntimeError: Error(s) in loading state_dict for Net:",
            '\tMissing key(s) in state_dict: "fc.weight".',
        ],
        'RuntimeError: Error(s) in loading state_dict for Net: Missing key(s) in state_dict: "fc.weight".',
    ),
    "no message": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    next(x)",
            "StopIteration",
        ],
        "StopIteration: next(x) (t.py, line 2)",
    ),
    "own exception": (
        [
            "Traceback (most recent call last):",
            '  File "t.py", line 2, in <module>',
            "    raise Boom('x')",
            "__main__.Boom: x",
            "wandb: ",
            "wandb: View run",
        ],
        "__main__.Boom: x",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_the_last_error_that_an_output_states(name: str) -> None:
    lines, expected = CASES[name]
    assert reason("\n".join(lines)) == expected


def test_an_error_that_was_handled_before_is_not_the_reason() -> None:
    handled = ["Traceback (most recent call last):", '  File "t.py", line 1', "OSError: once"]
    assert reason("\n".join([*handled, "", "t.py: error: no data"])) == "t.py: error: no data"


def test_a_warning_is_not_a_reason() -> None:
    for line in (
        "WARNING: cache not found",
        "t.py:3: UserWarning: file not found",
        "INFO: x: not found",
    ):
        assert reason(line) == "", line


def test_a_reason_is_cut_between_words() -> None:
    cut = reason(f"t.py: error: {'word ' * 300}")
    assert len(cut) <= 500
    assert cut.endswith("word …")


def test_a_very_long_line_takes_no_long_time() -> None:
    assert reason("a: " * 50_000) == ""
    assert reason("x" * 1_000_000) == ""


def test_the_last_line_is_no_progress_bar() -> None:
    output = "no data\n 10%|#         | 1/10 [00:01<00:09,  1.0it/s]\n=====\n"
    assert last_line(output) == "no data"
    assert last_line("\n") == ""
