#!/usr/bin/env python3
"""check_docs.py ROOT [--reel PROGRAM [--write]] [--rules NAME,...]: the rules of the project's *.md files.

Prints one line for each breach and exits with 1 if there is any.

  rows       a file that a table of a README names exists
  files      every source file stands in a table of the README of its folder, or of a folder above;
             a header stands for its .c file, too
  links      a link leads to a file that exists, and its #anchor to a heading
  commands   a `reel` command line parses: PROGRAM is run with the line's options and one unknown
             option at the end. If that one is all that PROGRAM complains about, it has accepted
             everything before it. Nothing else is run. A line may fail if the page shows the message.
  scripts    a script that a command line calls exists
  options    option tables after a line `<!-- reel help COMMAND -->` are what PROGRAM prints; --write
             writes them anew
  lines      lines have at most 120 columns, table rows apart
  sentences  nine sentences of ten have at most 24 words

Placeholders such as N, X, FILE or TIME stand for a value. In file names, capital letters stand for
any text: op_NAME.c.
"""
import argparse
import fnmatch
import os
import re
import shlex
import subprocess
import sys

ROOMS = ("core", "layers", "optim", "data", "train", "tests")
SOURCE = (".c", ".h", ".py", ".sh", ".def")
NAMED = SOURCE + (".md", ".dict", ".supp", ".tsv", ".cmake")
PLACEHOLDERS = {"N": "1", "X": "0.5", "K": "1", "PX": "64", "Q": "90", "TIME": "1m", "N,N,...": "1,2"}
GENERATED = {"core/op_builders.h"}  # the build writes these files
MOST_COLUMNS = 120
MOST_WORDS = 24
SENTINEL = "--no-such-option"

breaches = []


def breach(rule, path, text):
    breaches.append((rule, f"{path}: {text}"))


# ---- the files of the project, and the parts of a page ----


def listed_files(root):
    """Paths below the root: what git tracks or would track; without git, everything in the rooms."""
    if os.path.exists(os.path.join(root, ".git")):
        command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        try:
            git = subprocess.run(command, capture_output=True)
            names = [os.fsdecode(n) for n in git.stdout.split(b"\0") if n]
            if git.returncode == 0:
                return sorted(n for n in set(names) if os.path.exists(os.path.join(root, n)))
        except FileNotFoundError:
            pass
    found = [n for n in os.listdir(root) if os.path.isfile(os.path.join(root, n))]
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(root, room)):
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names]
    return sorted(n for n in found if "__pycache__" not in n)


class Page:
    """A *.md file: its lines by kind. A fenced block's lines come with the language of the block."""

    def __init__(self, root, path):
        self.path, self.folder = path, os.path.dirname(path)
        self.lines = open(os.path.join(root, path), encoding="utf-8").read().split("\n")
        self.code, self.rows, self.prose = [], [], []
        language = None
        for number, line in enumerate(self.lines, 1):
            fence = re.match(r"\s*```(\w*)", line)
            if fence:
                language = None if language is not None else fence.group(1)
            elif language is not None:
                self.code.append((number, language, line))
            elif line.lstrip().startswith("|"):
                self.rows.append((number, line))
            elif re.match(r"    \S", line) and self.begins_code(number):
                self.code.append((number, "", line.strip()))
            else:
                self.prose.append((number, line))

    def begins_code(self, number):
        """An indented line is code where its block follows an empty line and no list item."""
        i = number - 2
        while i >= 0 and re.match(r"    \S", self.lines[i]):
            i -= 1
        before = next((l for l in reversed(self.lines[:i + 1]) if l.strip()), "")
        return i >= 0 and not self.lines[i].strip() and not re.match(r"\s*([-*]|\d+\.)\s|   ", before)

    def paragraphs(self):
        """Paragraphs and list items as single strings; headings are left out."""
        text = ""
        at = 0
        for number, line in self.prose:
            starts = re.match(r"\s*([-*]|\d+\.)\s+", line)
            apart = not line.strip() or line.startswith(("#", "<!--", "![")) or number != at + 1
            if (starts or apart) and text:
                yield text
                text = ""
            at = number
            if line.strip() and not line.startswith(("#", "<!--", "![")):
                text += " " + (line[starts.end():] if starts else line).strip()
        if text:
            yield text


def spans(text):
    return re.findall(r"`([^`]+)`", text)


# ---- rows and files ----


def pattern_of(name):
    """A file name with placeholders as a pattern: op_NAME.c is op_*.c."""
    name = re.sub(r"\b[A-Z]{2,}\b|(?<=_)[A-Z]{2,}(?=[._])|(?<=\d-)[A-Z]{2,}", "*", name)
    return name


def names_in(row):
    """File names and folders in the code spans and links of a table row."""
    for span in spans(row):
        for word in re.split(r"[\s,]+", span):
            if re.fullmatch(r"[\w.*/\[\]-]+", word) and \
                    (word.endswith(NAMED) or word.endswith("/") or word.endswith(".[ch]")) and not word.startswith("."):
                yield word


def matches(page, name, files, folders):
    """Files and folders that a name in a page's table means: in its folder, from the root, or, for a
    name without a folder, anywhere below the page's folder or in the tests."""
    pattern = pattern_of(name)
    found = set()
    for base in dict.fromkeys([page.folder, "tests/integration" if page.folder == "tests" else page.folder, ""]):
        whole = os.path.normpath(os.path.join(base, pattern))
        pool = folders if name.endswith("/") else files
        found |= {whole} & pool if not re.search(r"[*\[]", whole) else set(fnmatch.filter(pool, whole))
        if found:
            return found
    if "/" in name:
        return set()
    for below in (page.folder + "/", "tests/"):
        found = {f for f in files if f.startswith(below) and fnmatch.fnmatch(os.path.basename(f), pattern)}
        if found:
            return found
    return set()


def check_rows(pages, files):
    folders = {os.path.dirname(f) for f in files}
    for folder in list(folders):
        while folder:
            folder = os.path.dirname(folder)
            folders.add(folder)
    covered = set()
    for page in pages:
        if os.path.basename(page.path) != "README.md":
            continue
        for number, row in page.rows:
            near = [s.rstrip("/") for s in spans(heading_before(page, number) + header_of(page, number)) if s.endswith("/")]
            for name in names_in(row):
                found = matches(page, name, files, folders)
                for folder in near:
                    found = found or matches(page, os.path.join(folder, name), files, folders)
                if not found and name.endswith(NAMED) and name not in GENERATED:
                    breach("rows", f"{page.path}:{number}", f"the table names {name}, which does not exist")
                near += [os.path.dirname(f) if f in files else f for f in sorted(found) if os.path.dirname(f) != page.folder][:1]
                covered |= found
    for header in [c for c in covered if c.endswith(".h")]:
        covered.add(header[:-2] + ".c")
    return covered


def heading_before(page, number):
    return next((l for l in reversed(page.lines[:number]) if l.startswith("#")), "")


def header_of(page, number):
    i = number - 1
    while i > 0 and page.lines[i - 1].lstrip().startswith("|"):
        i -= 1
    return page.lines[i]


def check_files(pages, files, covered):
    with_page = {p.folder for p in pages if os.path.basename(p.path) == "README.md"}
    for path in sorted(files):
        if not path.endswith(SOURCE) or path.split("/")[0] not in ROOMS or path in covered:
            continue
        folder = os.path.dirname(path)
        while folder and folder not in with_page and folder not in covered:
            folder = os.path.dirname(folder)
        if folder in with_page or folder not in covered:
            breach("files", path, f"stands in no table of {folder + '/' if folder else ''}README.md")


# ---- links ----


def anchors(root, path):
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    for line in open(os.path.join(root, path), encoding="utf-8"):
        if line.startswith("#"):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", line.lstrip("#").strip().lower())
            found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def check_links(root, page):
    for number, line in page.prose + page.rows:
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            whole = os.path.normpath(os.path.join(page.folder, path)) if path else page.path
            if not os.path.exists(os.path.join(root, whole)):
                breach("links", f"{page.path}:{number}", f"the link {target} leads nowhere")
            elif anchor and whole.endswith(".md") and anchor not in anchors(root, whole):
                breach("links", f"{page.path}:{number}", f"{whole} has no heading #{anchor}")


# ---- command lines ----


def command_lines(page):
    """(line number, words) of each command in fenced blocks and in code spans."""
    joined = ""
    for number, language, line in page.code:
        if language not in ("", "sh", "bash", "console"):
            continue
        text = joined + line.strip()
        joined = ""
        if text.endswith(("\\", "|")) and not text.endswith("\\n"):
            joined = text.rstrip("\\")
            continue
        yield from split_commands(number, text)
    for number, line in page.prose + page.rows:
        for span in spans(line):
            yield from split_commands(number, span.replace("\\|", "|"))


def split_commands(number, text):
    text = text[2:] if text.startswith("$ ") else text
    if not re.match(r"(\S+=\S* )?(\./)?(build/)?(reel|tests/\w+\.sh|train/\w+\.sh)\b", text):
        return
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|;&<>")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        return
    command = []
    for word in words + [";"]:
        if re.fullmatch(r"[|;&<>]+", word):
            while command and re.match(r"\w+=", command[0]):
                command.pop(0)
            if command:
                yield number, command
            command = []
        else:
            command.append(word)


def check_command(root, page, number, words, reel):
    name = re.sub(r"^(\./)?(build/)?", "", words[0])
    at = f"{page.path}:{number}"
    if name.endswith(".sh"):
        if not os.path.exists(os.path.join(root, name)):
            breach("scripts", at, f"{name} does not exist")
        return
    if name != "reel" or not reel or len(words) < 2 or words[1] in ("help", "COMMAND", "--version") \
            or words[1].endswith(":"):
        return
    arguments = []
    for word in words[1:]:
        word = word.strip("[]").rstrip(",.")
        if word in ("...", "") or "help" in word:
            continue
        after_option = arguments and arguments[-1].startswith("-")
        arguments.append(PLACEHOLDERS.get(word, word) if after_option else word)
    said = parse(reel, arguments)
    answer = next((line for n, _, line in page.code if n == number + 1), "")
    if SENTINEL not in said and not (answer and answer.split(" (")[0].strip() in said):
        breach("commands", at, f"`{' '.join(words)}`: {said}")


parsed = {}


def parse(reel, arguments):
    """What the program says to these arguments and an option that does not exist."""
    key = tuple(arguments)
    if key not in parsed:
        run = subprocess.run([reel, *arguments, SENTINEL], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL, timeout=60)
        parsed[key] = (run.stderr.strip().split("\n") or [""])[-1]
    return parsed[key]


# ---- option tables ----


OPTION_TABLES = re.compile(r"(<!-- reel help ([\w -]+) -->\n)(.*?)(<!-- end -->)", re.S)


def printed_tables(reel, command):
    said = subprocess.run([reel, "help", *command.split(), "--markdown"], capture_output=True, text=True)
    return said.stdout.strip() + "\n"


def check_options(page, reel):
    for match in OPTION_TABLES.finditer("\n".join(page.lines)):
        if printed_tables(reel, match.group(2)).strip() != match.group(3).strip():
            breach("options", page.path, f"the tables differ from `reel help {match.group(2)} --markdown`; "
                   "python3 tests/support/check_docs.py . --reel build/reel --write renews them")


def write_options(root, page, reel):
    old = "\n".join(page.lines)
    new = OPTION_TABLES.sub(lambda m: m.group(1) + printed_tables(reel, m.group(2)) + m.group(4), old)
    if new != old:
        open(os.path.join(root, page.path), "w", encoding="utf-8").write(new)


# ---- lines and sentences ----


def check_lines(page):
    for number, line in enumerate(page.lines, 1):
        if len(line) > MOST_COLUMNS and not line.lstrip().startswith("|"):
            breach("lines", f"{page.path}:{number}", f"{len(line)} columns, expected at most {MOST_COLUMNS}")


def sentences(paragraph):
    text = re.sub(r"`[^`]*`", "code", paragraph)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"(\d)\.(\d)", r"\1\2", text)
    return [s for s in re.split(r"(?<=[.!?])[*_)\"]*\s+", text) if re.search(r"\w", s)]


def check_sentences(page):
    every = [s for p in page.paragraphs() for s in sentences(p)]
    long = [s for s in every if len(re.findall(r"[\w'+./%-]*\w[\w'+./%-]*", s)) > MOST_WORDS]
    if len(long) > max(1, len(every) // 10):
        breach("sentences", page.path, f"{len(long)} of {len(every)} sentences have more than {MOST_WORDS} words, "
               f"such as: {long[0].strip()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--reel", default="")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rules", default="rows,files,links,commands,scripts,options,lines,sentences")
    options = parser.parse_args()
    rules = options.rules.split(",")
    reel = os.path.abspath(options.reel) if options.reel else ""

    files = listed_files(options.root)
    pages = [Page(options.root, f) for f in files if f.endswith(".md")]
    if options.write:
        for page in pages:
            write_options(options.root, page, reel)
        return 0
    covered = check_rows(pages, set(files))
    check_files(pages, files, covered)
    for page in pages:
        check_links(options.root, page)
        if reel and "options" in rules:
            check_options(page, reel)
        if "commands" in rules or "scripts" in rules:
            for number, words in command_lines(page):
                check_command(options.root, page, number, words, reel)
        check_lines(page)
        check_sentences(page)

    shown = [text for rule, text in breaches if rule in rules]
    print("\n".join(shown) if shown else f"{len(pages)} pages keep the rules: {options.rules}")
    return 1 if shown else 0


if __name__ == "__main__":
    sys.exit(main())
