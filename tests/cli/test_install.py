# SPDX-License-Identifier: Apache-2.0
"""What an installation consists of: manual page and completion that know every command, and script/install that takes away what it
brought.  The packages are made and tried by `script/test package`."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
import live as support  # noqa: E402

LANGS = ["en", "zh-TW"]


def run(command, **more):
    env = {**os.environ, "LC_ALL": "C.UTF-8", **more.pop("env", {})}
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, env=env, **more)


def assay(*words):
    done = run([support.ASSAY, *words])
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def names(text):
    return re.findall(r"^  ([a-z]+)\s", text.split("Commands:\n")[1].split("\n\n")[0], re.M) if "Commands:\n" in text else []


@pytest.fixture(scope="module")
def commands():
    """Every command with its options, as --help tells them."""
    found = {}
    for name in names(assay("--help", "--lang", "en")):
        for sub in names(assay(name, "--help", "--lang", "en")) or [""]:
            full = f"{name} {sub}".strip()
            found[full] = re.findall(r"^  --([a-z-]+)", assay(*full.split(), "--help", "--lang", "en"), re.M)
    assert {"serve", "runs list", "models add", "completion", "man"} <= set(found) and "threads" in found["serve"]
    return found


# --- the manual page ---

def plain(roff):
    """The words of the page without roff."""
    for written, means in [(r"\-", "-"), (r"\(dq", '"'), (r"\(aq", "'"), (r"\:", ""), (r"\&", "")]:
        roff = roff.replace(written, means)
    return roff


@pytest.mark.parametrize("lang", LANGS)
def test_the_manual_page_has_every_command_and_option(commands, lang):
    page = plain(assay("man", "--lang", lang))
    parts = dict(re.findall(r'^\.SS "assay ([^"]*)"\n(.*?)(?=^\.S[SH] )', page, re.M | re.S))
    assert list(parts) == list(commands)
    for command, options in commands.items():
        known = set(re.findall(r'^\.BI "--([a-z-]+)', parts[command], re.M))
        assert known == set(options) - {"data", "lang", "json", "help"}, command
    for common in ("data", "lang", "json", "help"):
        assert f'.BI "--{common}' in page
    assert not re.search(r"\bcli_[a-z]", page), "a sentence is missing"
    assert bool(re.search(r"[\u4e00-\u9fff]", page)) == (lang == "zh-TW")


@pytest.mark.parametrize("lang", LANGS)
def test_the_manual_page_renders_without_warnings(tmp_path, lang):
    page = tmp_path / "man" / ("zh_TW" if lang == "zh-TW" else "") / "man1" / "assay.1"
    page.parent.mkdir(parents=True)
    page.write_text(run([support.ASSAY, "man", "--lang", lang], env={"SOURCE_DATE_EPOCH": "1790000000"}).stdout, "utf-8")
    tried = 0
    if shutil.which("man") and shutil.which("groff"):
        shown = run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", page], env={"MANWIDTH": "80", "MANROFFSEQ": "", "MANPAGER": "cat"})
        assert shown.returncode == 0 and shown.stderr == ""
        text = re.sub(".\x08", "", shown.stdout)  # bold is struck twice
        assert "assay models add" in text and "2026-09-21" in text
        assert max(map(len, text.splitlines())) <= 100, "a line was not broken"
        tried += 1
    if shutil.which("mandoc"):
        lint = run(["mandoc", "-T", "lint", "-W", "warning", page])
        assert lint.returncode == 0, lint.stdout
        tried += 1
    if shutil.which("lexgrog"):
        named = run(["lexgrog", page])
        assert named.returncode == 0 and '"assay - ' in named.stdout, named.stdout
        tried += 1
    if not tried:
        pytest.skip("this machine has no program that shows manual pages")


# --- completion ---

BASH = """
source <("$ASSAY" completion bash)
[ "$(complete -p assay)" = 'complete -F _assay assay' ] || exit 9
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_assay
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words, cwd=ROOT):
    done = run(["bash", "--norc", "-c", BASH, "bash", "assay", *words], env={"ASSAY": support.ASSAY}, cwd=cwd)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return sorted(filter(None, done.stdout.split("\n")))


def test_bash_completes_every_command_and_option(commands):
    tops = {c.split()[0] for c in commands}
    assert set(completed("")) == tops
    for top in tops:
        subs = sorted(c.split()[1] for c in commands if c.startswith(top + " "))
        if subs:
            assert completed(top, "") == subs
    for command, options in commands.items():
        assert set(completed(*command.split(), "--")) == {f"--{o}" for o in options}, command


def test_bash_completes_values_by_what_they_are(tmp_path):
    (tmp_path / "models and more").mkdir()
    (tmp_path / "questions.json").touch()
    assert completed("run", "", cwd=tmp_path) == ["models and more", "questions.json"]
    assert completed("run", "--csv", "q", cwd=tmp_path) == ["questions.json"]
    assert completed("run", "--data", "", cwd=tmp_path) == ["models and more"]
    assert completed("run", "--lang", "") == ["en", "zh-TW"]
    assert completed("run", "--thinking", "") == ["false", "true"]
    assert completed("run", "--seed", "") == []
    assert completed("completion", "") == ["bash", "fish", "zsh"]
    assert completed("--data", "runs", "runs", "re") == ["replay", "resume"], "what follows --data is no command"
    assert completed("help", "mod") == ["models"]
    assert completed("runs", "show", "") == []


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_know_every_command_and_option(commands, shell, lang):
    script = assay("completion", shell, "--lang", lang)
    for command, options in commands.items():
        if shell == "fish":
            said = set(re.findall(rf"__assay_at '{command}'\" -l ([a-z-]+)", script))
        else:
            items = re.search(rf"^\t'{command}'\) found=\('--(.*)\) ;;$", script, re.M)
            said = set(re.findall(r"'--([a-z-]+):", "'--" + items[1]))
        assert said == set(options), command


def test_the_scripts_are_read_by_the_shells(tmp_path):
    for shell in ("bash", "zsh", "fish"):
        script = tmp_path / shell
        script.write_text(assay("completion", shell, "--lang", "zh-TW"), "utf-8")
        if shutil.which(shell):
            read = run([shell, "-n", script])
            assert read.returncode == 0 and read.stderr == "", read.stderr
    if shutil.which("fish"):
        answer = run(["fish", "-N", "-c", f"source {tmp_path / 'fish'}; complete -C 'assay --lang en runs re'"])
        assert [line.split("\t")[0] for line in answer.stdout.splitlines()] == ["replay", "resume"]


def test_an_unknown_shell_is_refused():
    done = run([support.ASSAY, "completion", "tcsh", "--lang", "en"])
    assert done.returncode == 2 and done.stdout == "" and "tcsh" in done.stderr


# --- script/install ---

def install(*words, home, **env):
    return run([ROOT / "script" / "install", *words], env={"HOME": str(home), "DESTDIR": "", "XDG_RUNTIME_DIR": str(home), **env})


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def assert_converter_is_whole(folder, tmp_path):
    """Everything that it imports of its own is there, and what is not needed is not."""
    assert {"convert_hf_to_gguf.py", "conversion", "gguf-py", "requirements", "LICENSE"} == {p.name for p in folder.iterdir()}
    wanted = {p.name for p in (folder / "requirements").iterdir()}
    assert wanted == {"requirements-convert_hf_to_gguf.txt", "requirements-convert_legacy_llama.txt"}
    for line in (folder / "requirements/requirements-convert_hf_to_gguf.txt").read_text().splitlines():
        assert not line.startswith("-r") or line.split("/")[-1] in wanted
    assert (folder / "gguf-py/gguf/gguf_writer.py").exists() and (folder / "conversion/gpt2.py").exists()
    assert not list(folder.rglob("*.pyc"))


def test_install_upgrade_and_uninstall_leave_what_was_there(tmp_path):
    prefix = tmp_path / "here"
    mine = prefix / "share" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    done = install("--no-build", "--prefix", prefix, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"--uninstall --prefix {prefix}" in done.stderr, "it says how to undo it"
    installed = files(prefix)
    assert {"bin/assay", "lib/assay/assay-worker", "share/man/man1/assay.1.gz", "share/man/zh_TW/man1/assay.1.gz",
            "share/bash-completion/completions/assay", "share/applications/assay.desktop",
            "share/icons/hicolor/scalable/apps/assay.svg", "share/systemd/user/assay.service"} <= set(installed)
    assert_converter_is_whole(prefix / "share/assay/converter", tmp_path)
    for name in ("applications/assay.desktop", "systemd/user/assay.service"):
        text = (prefix / "share" / name).read_text("utf-8")
        assert f"{prefix}/bin/assay" in text and "@PREFIX@" not in text
    listed = [line.split(" ", 1)[1] for line in (prefix / "lib/assay/manifest").read_text().splitlines() if line.startswith("file ")]
    assert sorted(listed) == sorted(str(prefix / f) for f in installed if f not in ("share/mine.txt", "lib/assay/manifest"))

    # An upgrade: what the old version had and the new one has not goes.
    gone = prefix / "share" / "assay-of-old"
    gone.write_text("old")
    with open(prefix / "lib/assay/manifest", "a") as manifest:
        manifest.write(f"file {gone}\nfile /etc/hostname\n")
    assert install("--no-build", "--prefix", prefix, home=tmp_path).returncode == 0
    assert files(prefix) == installed and not gone.exists() and pathlib.Path("/etc/hostname").exists()

    done = install("--uninstall", "--prefix", prefix, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [str(p.relative_to(prefix)) for p in sorted(prefix.rglob("*"))] == ["share", "share/mine.txt"]
    assert install("--uninstall", "--prefix", prefix, home=tmp_path).returncode == 3, "there is nothing left to remove"


def test_the_installed_programs_find_each_other(tmp_path):
    assert install("--no-build", "--prefix", tmp_path / "p", home=tmp_path).returncode == 0
    version = run([tmp_path / "p/bin/assay", "version", "--json"])
    assert '"llama.cpp": ""' not in version.stdout and '"llama.cpp"' in version.stdout
    link = tmp_path / "assay"
    link.symlink_to(tmp_path / "p/bin/assay")
    assert run([link, "version", "--json"]).stdout == version.stdout
    (tmp_path / "p/lib/assay/assay-worker").unlink()
    assert '"llama.cpp": ""' in run([link, "version", "--json"]).stdout


def test_a_package_is_laid_out_below_destdir(tmp_path):
    done = install("--no-build", "--prefix", "/usr", home=tmp_path, DESTDIR=str(tmp_path / "root"))
    assert done.returncode == 0, done.stderr
    root = tmp_path / "root"
    assert "/usr/bin/assay serve" in (root / "usr/share/systemd/user/assay.service").read_text()
    assert str(root) not in (root / "usr/lib/assay/manifest").read_text()
    assert install("--uninstall", "--prefix", "/usr", home=tmp_path, DESTDIR=str(root)).returncode == 0
    assert list(root.rglob("*")) == []


@pytest.mark.parametrize("words,code", [(["--prefixx", "/x"], 2), (["--prefix"], 2), (["--prefix", "/tmp/a b"], 3)], ids=str)
def test_what_cannot_be_done_is_said_and_nothing_is_written(tmp_path, words, code):
    done = install("--no-build", *words, home=tmp_path)
    assert done.returncode == code and "error: " in done.stderr or code == 2 and "--uninstall" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_others_is_not_overwritten(tmp_path):
    other = tmp_path / "p" / "bin" / "assay"
    other.parent.mkdir(parents=True)
    other.write_text("another program")
    done = install("--no-build", "--prefix", tmp_path / "p", home=tmp_path)
    assert done.returncode == 3 and str(other) in done.stderr
    assert files(tmp_path / "p") == ["bin/assay"] and other.read_text() == "another program"


def test_the_desktop_entry_is_valid():
    if not shutil.which("desktop-file-validate"):
        pytest.skip("desktop-file-validate is not installed")
    checked = run(["desktop-file-validate", ROOT / "packaging" / "assay.desktop"])
    assert checked.returncode == 0 and checked.stdout == "", checked.stdout
