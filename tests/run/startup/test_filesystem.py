"""What a task creates, renames and removes with Python happens in the project at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.run.workspace.scene import Scene

Make = Callable[..., Scene]
PROLOGUE = """
import glob, multiprocessing, os, pickle, shutil, sqlite3, subprocess, tempfile
from pathlib import Path
ROOT, REAL = Path(__file__).resolve().parent, os.environ["COLABCTL_ROOT"]
def there(path): return os.path.join(REAL, path)
"""


@pytest.fixture
def here(scene: Make) -> Scene:
    """Give a project with data, and a frozen program and configuration."""
    files = {"main.py": "", "configs/a.yaml": "frozen", "data/raw/x.csv": "1", "old.txt": "old"}
    made = scene(files, ["main.py", "configs/a.yaml"])
    (made.project / "latest").symlink_to("data")
    (made.project / "up").symlink_to("../churn/data")
    return made


@pytest.mark.parametrize(
    "statement",
    [
        # creating
        "os.mkdir('new'); assert os.path.isdir(there('new')) and os.path.isdir('new')",
        "os.makedirs('a/b/c', exist_ok=True); assert os.path.isdir(there('a/b/c'))",
        "(ROOT / 'new').mkdir(); (ROOT / 'new').mkdir(exist_ok=True); (ROOT / 'new/x').write_text('1')",
        "open('new.csv', 'w').write('1'); assert open(there('new.csv')).read() == '1'",
        "open('log', 'a').write('1'); open('log', 'a').write('2'); assert Path(there('log')).read_text() == '12'",
        "open('new', 'x').close(); assert os.path.exists(there('new'))",
        "Path('new').touch(); assert os.path.exists(there('new'))",
        "Path('configs/new.yaml').write_text('1'); assert os.path.exists(there('configs/new.yaml'))",
        "open(b'bytes', 'w').close(); assert os.path.exists(there('bytes'))",
        "os.symlink('old.txt', 'link'); assert os.readlink(there('link')) == 'old.txt'",
        "os.symlink(ROOT.as_posix() + '/old.txt', 'link'); assert os.readlink(there('link')) == there('old.txt')",
        "os.link('old.txt', 'hard'); assert os.path.samefile(there('hard'), there('old.txt'))",
        "c = sqlite3.connect('s.db'); c.execute('create table t (x)'); c.commit(); assert os.path.exists(there('s.db'))",
        # renaming
        "Path('t').write_text('new'); os.replace('t', 'old.txt'); assert Path(there('old.txt')).read_text() == 'new'; assert not os.path.lexists('t')",
        "os.rename('old.txt', 'data/moved'); assert Path(there('data/moved')).read_text() == 'old'",
        "os.rename('data', 'data2'); assert os.path.exists(there('data2/raw/x.csv')) and not os.path.lexists('data')",
        "shutil.move('data', 'configs'); assert os.path.exists(there('configs/data/raw/x.csv'))",
        "subprocess.run('echo 1 > c', shell=True); os.replace('c', 'data/c'); assert Path(there('data/c')).read_text() == '1\\n'",
        "subprocess.run('mkdir c; echo 1 > c/x', shell=True); os.rename('c', 'data/c'); assert os.path.exists(there('data/c/x'))",
        "shutil.copytree('data', 'copy'); assert os.path.exists(there('copy/raw/x.csv'))",
        # removing
        "os.remove('old.txt'); assert not os.path.exists(there('old.txt')) and not os.path.lexists('old.txt')",
        "shutil.rmtree('data'); assert not os.path.exists(there('data')) and not os.path.lexists('data')",
        "shutil.rmtree(ROOT / 'none', ignore_errors=True)",
        "os.mkdir('new'); os.rmdir('new'); assert not os.path.exists(there('new'))",
        "os.unlink('latest'); assert os.path.exists('data') and not os.path.lexists(there('latest'))",
        "with tempfile.TemporaryDirectory(dir='.') as d: Path(d, 'x').touch()\nassert not os.path.lexists(there(d))",
        "with tempfile.NamedTemporaryFile(dir='.') as f: assert os.path.exists(there(os.path.basename(f.name)))",
        # looking
        "assert Path('data/raw').resolve().relative_to(ROOT) == Path('data/raw')",
        "assert not os.path.islink('data') and os.path.islink('latest') and os.readlink('latest') == 'data'",
        "assert os.path.realpath('latest') == str(ROOT / 'data') and os.path.exists(os.path.realpath('up'))",
        "assert [f for _, _, fs in os.walk('.') for f in fs if f == 'x.csv']",
        "assert [p.name for p in ROOT.rglob('*.csv')] == ['x.csv']",
        "assert glob.glob('**/x.csv', recursive=True)",
        "open(there('since'), 'w').close(); assert os.path.exists('since')",
        "open(there('since'), 'w').write('1'); assert open('since').read() == '1'",
        "open(there('since'), 'w').close(); os.remove(there('since')); assert not os.path.exists('since')",
        "assert {e.name for e in os.scandir('.') if e.is_dir(follow_symlinks=False)} == {'configs', 'data'}",
        # the current folder
        "os.chdir('data'); assert Path.cwd() == ROOT / 'data'; os.chdir('..'); assert os.getcwd() == str(ROOT)",
        "os.chdir(REAL); assert open('configs/a.yaml').read() == 'frozen'",
        "os.chdir('data/raw'); assert os.path.abspath('../../configs') == str(ROOT / 'configs')",
        # frozen files, and paths elsewhere
        "Path('configs/a.yaml').write_text('x'); assert Path(there('configs/a.yaml')).read_text() == 'frozen'",
        "Path('t').write_text('x'); os.replace('t', 'configs/a.yaml'); assert open('configs/a.yaml').read() == 'x' and Path(there('configs/a.yaml')).read_text() == 'frozen'",
        "with tempfile.TemporaryDirectory() as d: os.rename('old.txt', d + '/x') if os.stat(d).st_dev == os.stat(REAL).st_dev else None",
        "descriptor = os.open('.', os.O_RDONLY); os.mkdir('new', dir_fd=descriptor); os.stat('new', dir_fd=descriptor)",
        "assert os.stat(0) and os.listdir() and os.open in os.supports_dir_fd and shutil.rmtree.avoids_symlink_attacks",
        "assert pickle.loads(pickle.dumps(os.remove)) is os.remove and pickle.loads(pickle.dumps(open)) is open",
    ],
)  # fmt: skip
def test_files_behave_as_in_the_project(here: Scene, statement: str) -> None:
    here.python(PROLOGUE + statement)


@pytest.mark.parametrize(
    ("statement", "error", "name"),
    [
        ("os.mkdir('data')", "FileExistsError", "data"),
        ("open('old.txt', 'x')", "FileExistsError", "old.txt"),
        ("os.remove('none')", "FileNotFoundError", "none"),
        ("open('none')", "FileNotFoundError", "none"),
        ("open('none/x', 'w')", "FileNotFoundError", "none/x"),
        ("os.rmdir('data')", "OSError", "data"),
        ("os.rename('none', 'x')", "FileNotFoundError", "none"),
        ("os.mkdir()", "TypeError", None),
        ("open('a\\0b', 'w')", "ValueError", None),
    ],
)
def test_errors_are_python_s_and_name_the_path_that_was_given(
    here: Scene, statement: str, error: str, name: str | None
) -> None:
    text = f"try: {statement}\nexcept Exception as e: print(type(e).__name__, getattr(e, 'filename', None))"
    assert here.python(PROLOGUE + text) == f"{error} {name}\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_child_processes_write_into_the_project_too(here: Scene, method: str) -> None:
    here.python(
        PROLOGUE
        + "def write(n): open(f'child-{n}', 'w').close()\n"
        + "if __name__ == '__main__':\n"
        + f"    with multiprocessing.get_context('{method}').Pool(1) as pool:\n"
        + "        pool.map(write, [1]); pool.map(os.remove, ['old.txt'])\n"
    )
    assert (here.project / "child-1").exists()
    assert not (here.project / "old.txt").exists()


def test_a_link_that_leads_out_of_the_project_is_followed_for_data(
    here: Scene, tmp_path: Path
) -> None:
    (tmp_path / "big").mkdir()
    (here.project / "big").symlink_to(tmp_path / "big")
    here.python(PROLOGUE + "open('big/x', 'w').close(); print(Path('big').resolve())")
    assert (tmp_path / "big/x").exists()
