"""Names of the files with which a folder configures the programs that start in it.

Programs read these files on their own, from their current folder or from a folder above it, and
most can name code to run. Others write to the project, so a task finds such a file only if it is
frozen. The guide's page "trust" has a table of them.

This file is loaded on its own, into any Python 3 that a task starts, so it imports nothing from
colabctl.
"""

import re

_NAMES = frozenset(
    name.lower()
    for name in (
        # R, Octave and MATLAB, Julia
        *(".Rprofile", ".Renviron", ".RData", ".octaverc", "startup.m", "finish.m"),
        *("Project.toml", "JuliaProject.toml", "Manifest.toml", "JuliaManifest.toml"),
        *("LocalPreferences.toml", "JuliaLocalPreferences.toml"),
        # Python and its libraries
        *(".pdbrc", "matplotlibrc", ".numba_config.yaml", "setup.cfg", "site.cfg"),
        *("pytest.ini", "tox.ini", ".coveragerc", ".deepspeed_env", ".comet.config", "luigi.cfg"),
        *("pip.conf", "pip.ini", "pydistutils.cfg", "pyvenv.cfg", ".condarc", ".theanorc"),
        # which interpreter, and in which environment
        *("pyproject.toml", "uv.toml", "pixi.toml", "poetry.toml", "Pipfile", ".pdm-python"),
        *(".python-version", ".python-versions", ".tool-versions", "mise.toml", ".mise.toml"),
        *(".nvmrc", ".node-version", ".ruby-version", ".java-version", ".sdkmanrc", ".envrc"),
        *("rust-toolchain", "rust-toolchain.toml", ".flaskenv"),
        # Node, Ruby, Java, PHP
        *("package.json", ".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml", "deno.json"),
        *("deno.jsonc", "tsconfig.json", ".pnp.cjs", ".pnp.js", ".pnpmfile.cjs", ".rspec"),
        *("Gemfile", "Rakefile", ".hotspotrc", ".hotspot_compiler", "php.ini", ".user.ini"),
        # what runs commands that a file lists
        *("Makefile", "GNUmakefile", "CMakeLists.txt", "CMakePresets.json", "build.ninja"),
        *("justfile", ".justfile", "Taskfile.yml", "Taskfile.yaml", "Snakefile", "MLproject"),
        *("nextflow.config", "dvc.yaml", "Cargo.toml", "RCS", "SCCS"),
        # shells and debuggers
        *(".bashrc", ".bash_profile", ".profile", ".zshenv", ".zshrc", ".zprofile", ".gdbinit"),
        *(".lldbinit", ".exrc", ".inputrc", ".netrc", ".curlrc", ".wgetrc"),
        *("SConstruct", "meson.build", ".bazelrc", "pom.xml", "build.gradle", "settings.gradle"),
        *("gradle.properties", "build.sbt", "compose.yaml", "compose.yml", "docker-compose.yml"),
        *("docker-compose.yaml",),
        # folders
        *(".bundle", ".cargo", ".dvc", ".hg", ".ipython", ".jupyter", ".mvn", ".svn", ".yarn"),
    )
)
_PATTERN = re.compile(r"\.env(\..*)?|(jupyter|ipython)\w*_config\.json", re.IGNORECASE)


def configures(name: str) -> bool:
    """Whether a file or folder of this name configures programs that start next to it."""
    return name.lower() in _NAMES or _PATTERN.fullmatch(name) is not None
