# SPDX-License-Identifier: Apache-2.0
"""configure names the Debian package of what is missing; `make deps` installs just that; install and uninstall are exact.

Programs are hidden or replaced by small scripts in a folder that is PATH, or the front of it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = os.environ.get("BUILD", "build")

# A make in a test is not a part of the make that runs the tests.
CLEAN = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CXX", "APXS", "BUILD", "HTTPD")}


def script(path, text):
    path.write_text("#!/bin/sh\n" + text, encoding="utf-8")
    path.chmod(0o755)
    return path


def run(command, cwd, **environment):
    return subprocess.run(command, cwd=cwd, env={**CLEAN, **environment}, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False)


def path_without(folder, *names):
    """A folder with all programs of /usr/bin but these."""
    folder.mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name not in names:
            (folder / program.name).symlink_to(program)
    return str(folder)


def configure(folder, *arguments, **environment):
    return run([ROOT / "configure", *arguments], folder, **environment)


def error_of(done):
    assert done.returncode != 0, done.stdout
    return [line for line in done.stderr.splitlines() if line.startswith("configure: error:")]


@pytest.mark.parametrize("module, name, package", [
    ("libxml-2.0", "libxml2", "libxml2-dev"),
    ("lmdb", "LMDB", "liblmdb-dev"),
    ("uuid", "libuuid", "uuid-dev"),
    ("libutf8proc", "utf8proc", "libutf8proc-dev"),
    ("nlohmann_json", "nlohmann/json.hpp", "nlohmann-json3-dev"),
    ("cppunit", "CppUnit", "libcppunit-dev"),
])
def test_missing_library(tmp_path, module, name, package):
    crippled = script(tmp_path / "pkg-config",
                      f'for word; do test "$word" != {module} || exit 1; done\nexec /usr/bin/pkg-config "$@"\n')
    done = configure(tmp_path, PKG_CONFIG=str(crippled))
    assert error_of(done) == [f"configure: error: {name} was not found: install the Debian package {package}"]
    assert not (tmp_path / "config.mk").exists()


@pytest.mark.parametrize("hidden, name, package", [
    (["g++"], "a C++ compiler", "g++"),
    (["ar"], "ar", "binutils"),
    (["apxs", "apxs2"], "apxs", "apache2-dev"),
    (["pkg-config", "pkgconf"], "pkg-config", "pkg-config"),
])
def test_missing_program(tmp_path, hidden, name, package):
    done = configure(tmp_path, PATH=path_without(tmp_path / "bin", *hidden))
    assert error_of(done) == [f"configure: error: {name} was not found: install the Debian package {package}"]


@pytest.mark.parametrize("text, message", [
    (None, "is not a program: install the Debian package apache2-dev, or correct --with-apxs"),
    ("exit 1\n", "gives no INCLUDEDIR: install the Debian package apache2-dev"),
    ("echo /nowhere\n", "httpd.h or apr.h was not found: install the Debian package apache2-dev"),
], ids=["absent", "broken", "without headers"])
def test_wrong_apxs(tmp_path, text, message):
    apxs = tmp_path / "apxs"
    if text:
        script(apxs, text)
    errors = error_of(configure(tmp_path, f"--with-apxs={apxs}"))
    assert len(errors) == 1 and errors[0].endswith(message)


def test_old_compiler(tmp_path):
    old = script(tmp_path / "old-g++", 'exec g++ "$@" -std=c++14\n')
    assert error_of(configure(tmp_path, CXX=str(old))) == [
        f"configure: error: {old} does not compile C++20: install the Debian package g++ (version 12 or later)"]


def test_named_apxs_is_used(tmp_path):
    apxs = script(tmp_path / "my apxs", 'test "$2" != LIBEXECDIR || { echo /opt/modules; exit; }\nexec apxs "$@"\n')
    done = configure(tmp_path, f"--with-apxs={apxs}", "--prefix=/opt/x")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "config.mk").read_text(encoding="utf-8").splitlines()
    for line in ("LIBEXECDIR = /opt/modules", f"APXS = {apxs}", "prefix = /opt/x"):
        assert line in lines


@pytest.mark.parametrize("san, tree", [
    ("", "build"), ("address", "build-asan"), ("address,undefined", "build-asan"), ("thread", "build-tsan")])
def test_sanitizers_have_trees_of_their_own(san, tree):
    done = run(["make", "-n", "-W", "store/guid.cpp", "V=1", f"SAN={san}", f"{tree}/libstore.a"], ROOT)
    assert done.returncode == 0, done.stderr
    assert f" -o {tree}/obj/store/guid.o" in done.stdout
    assert (f" -fsanitize={san} " in done.stdout) == bool(san)


def test_unknown_sanitizer():
    done = run(["make", "-n", "SAN=adress", "all"], ROOT)
    assert done.returncode != 0 and "SAN=adress: use SAN=address,undefined or SAN=thread" in done.stderr


# ---- deps.sh, with apt, dpkg and npm replaced by scripts that write down what they are asked


def deps(tmp_path, missing, uid, commands=("node", "npm")):
    """Runs a copy of deps.sh where the packages `missing` are not there; what it did, and how it ended."""
    tree = tmp_path / "tree"
    (tree / "tests/tools").mkdir(parents=True)
    shutil.copytree(ROOT / "tests/clients", tree / "tests/clients",
                    ignore=lambda _, names: [n for n in names if not n.startswith("package")])
    shutil.copy(ROOT / "tests/tools/deps.sh", tree / "tests/tools")
    programs = tmp_path / "bin"
    path_without(programs, "node", "npm", "id", "dpkg-query", "apt-get")
    log = tmp_path / "log"
    log.touch()
    script(programs / "id", f"echo {uid}\n")
    script(programs / "dpkg-query", f'for word; do :; done\ncase " {" ".join(missing)} " in *" $word "*) exit 1 ;; esac\n'
                                    "printf installed\n")
    script(programs / "apt-get", f'echo "apt-get $*" >> {log}\n')
    for name in commands:
        script(programs / name, f'echo "{name} $1" >> {log}\nmkdir -p build/npm/node_modules\n'
                                "touch build/npm/node_modules/.package-lock.json\n")
    results = [run([tree / "tests/tools/deps.sh", "build/npm"], tree, PATH=str(programs)) for _ in range(2)]
    return log.read_text(encoding="utf-8").splitlines(), results[0]


INSTALL = "apt-get install -y --no-install-recommends"


@pytest.mark.parametrize("missing, asked", [
    ([], []),
    (["wrk"], ["apt-get update", f"{INSTALL} wrk"]),
    (["g++", "gsoap"], ["apt-get update", f"{INSTALL} g++ gsoap"]),
], ids=["nothing", "one", "two"])
def test_deps_as_root(tmp_path, missing, asked):
    log, done = deps(tmp_path, missing, 0)
    assert done.returncode == 0, done.stderr
    npm = log.index("npm ci")
    assert log[:npm] == asked                     # what was missing, and nothing else
    assert "npm ci" not in log[npm + 1:]          # the second run fetches nothing again


def test_deps_take_debians_node_when_there_is_none(tmp_path):
    log, _ = deps(tmp_path, ["nodejs", "npm"], 0, [])
    assert log[:2] == ["apt-get update", f"{INSTALL} nodejs npm"]


def test_deps_leave_a_foreign_node_alone(tmp_path):
    log, done = deps(tmp_path, ["nodejs", "npm"], 0)
    assert done.returncode == 0 and log == ["npm ci"]


def test_deps_without_root_print_the_command(tmp_path):
    log, done = deps(tmp_path, ["wrk", "curl"], 1000)
    assert done.returncode != 0 and not log
    assert "  sudo apt-get install -y --no-install-recommends curl wrk\n" in done.stderr


def test_deps_without_root_and_nothing_missing(tmp_path):
    log, done = deps(tmp_path, [], 1000)
    assert done.returncode == 0 and log == ["npm ci"]


def test_deps_never_install_a_service():
    text = (ROOT / "tests/tools/deps.sh").read_text(encoding="utf-8")
    packages = text.split('packages="', 1)[1].split('"', 1)[0].split()
    assert "apache2-bin" in packages and "apache2" not in packages


def test_the_lock_file_names_no_server():
    text = (ROOT / "tests/clients/package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in text and '"resolved"' not in text


# ---- install


def test_install_and_uninstall(tmp_path):
    files = lambda: sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())  # noqa: E731
    arguments = ["make", "--no-print-directory", f"BUILD={BUILD}", f"DESTDIR={tmp_path}"]
    done = run([*arguments, "install"], ROOT)
    assert done.returncode == 0, done.stderr
    config = "etc/apache2/mods-available/ews_im.conf"
    manuals = sorted(f"usr/share/man/man8/{p.name}" for p in (ROOT / "doc").glob("*.8"))
    wsdl = sorted(f"usr/share/mod_ews_im/wsdl/{p.name}" for p in (ROOT / "conf/wsdl").iterdir())
    assert files() == sorted([config, "etc/apache2/mods-available/ews_im.load", "usr/lib/apache2/modules/mod_ews_im.so",
                              "usr/sbin/ews-imctl", *manuals, *wsdl])
    assert wsdl and os.access(tmp_path / "usr/sbin/ews-imctl", os.X_OK)
    load = (tmp_path / "etc/apache2/mods-available/ews_im.load").read_text(encoding="utf-8")
    assert "LoadModule ews_im_module /usr/lib/apache2/modules/mod_ews_im.so" in load.splitlines()

    (tmp_path / config).write_text("# changed\n", encoding="utf-8")
    assert run([*arguments, "install"], ROOT).returncode == 0
    assert (tmp_path / config).read_text(encoding="utf-8") == "# changed\n"
    assert run([*arguments, "uninstall"], ROOT).returncode == 0
    assert files() == [config]


# ---- The Debian package


def test_the_package_agrees_with_the_tree():
    version = re.search(r"AC_INIT\(\[mod_ews_im\], \[([\d.]+)\]\)", (ROOT / "configure.ac").read_text(encoding="utf-8"))[1]
    changelog = run(["dpkg-parsechangelog", "-S", "Version"], ROOT)
    assert (changelog.stdout.strip(), changelog.stderr) == (version, "")
    listed = run(["dh_listpackages"], ROOT)
    assert listed.stdout.split() == ["libapache2-mod-ews-im"], listed.stderr
    files = [line.split()[-1] for kind in ("apache2", "docs", "examples")
             for line in (ROOT / f"debian/libapache2-mod-ews-im.{kind}").read_text(encoding="utf-8").splitlines()]
    assert len(files) >= 6
    assert [name for name in files if not (ROOT / name).exists() and not name.startswith("build/")] == []


def test_make_deps_installs_what_the_package_is_built_with():
    control = (ROOT / "debian/control").read_text(encoding="utf-8")
    wanted = re.search(r"^Build-Depends:((?:.*\n )*.*)", control, re.M)[1].split(",")
    names = {name.split()[0] for name in wanted} - {"debhelper-compat", "dh-apache2"}  # those come with apache2-dev
    installed = (ROOT / "tests/tools/deps.sh").read_text(encoding="utf-8").split('packages="', 1)[1].split('"', 1)[0].split()
    assert "apache2-dev" in installed and names and names <= set(installed)
