#!/usr/bin/env python3
"""check_tree.py ROOT [BUILD]: the rules of the source tree, one line for each breach; exit 1 if there is any.

  edges     core <- {layers, optim, data} <- train; siblings never include each other; quoted includes are rooted
  private   *internal.h stays in its folder, op_impl.h in operators, kernels/ in core
  vectors   immintrin.h, arm_neon.h and their kin only below core/kernels/ISA/
  library   no main, no printing, no exit in core, layers, optim, data; no allocation in core/ops
  writes    files that replace others are written by core/files/atomic_file.c (shards of data/pack.c apart): one way, one kind of
            temporary name, which a resumed run sweeps away
  libm      exp, log, pow, sin, tanh and their kin come from core/elementary.h: libm's bits depend on its version and on the CPU
  circles   no include circle; a module is a .c file with its .h and _internal.h
  includes  no file includes a .c file
  names     no two functions or types share a name (tests apart), static ones included
  kinds     a layer, network, optimizer, schedule or command is called as its file is
  rooms     at most 12 .c and .h files lie directly in train/
  files     at most 500 lines (pages of text apart); opens with a comment; only the agreed entries at the root
  symbols   libreel exports reel_ names only and has no writable global (with BUILD)
"""
import os
import re
import subprocess
import sys

LIBRARY = ("core", "layers", "optim", "data")
MAY_INCLUDE = {
    "core": {"core"},
    "layers": {"core", "layers"},
    "optim": {"core", "optim"},
    "data": {"core", "data"},
    "train": {"core", "layers", "optim", "data", "train"},
    "tests": {"core", "layers", "optim", "data", "train", "tests"},
}
AT_ROOT = set(MAY_INCLUDE) | {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE"}
PUBLIC_HEADER = "core/install/reel.h"  # of the whole library
GENERATED = re.compile(r"\w+_(table\.inc|names\.h)|core/op_builders\.h")  # made by the build from the files of a folder
KERNELS_FOR_ALL = {"core/kernels/philox.h"}  # drawing many numbers is no operator
MOST_LINES = 500
MOST_IN_TRAIN = 12
# Names that are still shared: a list that only shrinks.
SHARED_NAMES = "tests/support/shared_names.txt"
# Sources that tests still include: a list that only shrinks.
INCLUDED_SOURCES = {("tests/unit/data/test_fuzz_seeds.c", f"tests/fuzz/fuzz_{name}.c")
     for name in ("tar", "idx", "cifar", "list", "index", "matlab", "val_labels", "exif", "jpeg", "png")}
PRINTS_OR_ENDS = re.compile(r"\b(printf|vprintf|puts|putchar|perror|exit|_exit|quick_exit|abort|stdout|stderr)\b")
ALLOCATES = re.compile(r"\b(malloc|calloc|realloc|aligned_alloc|posix_memalign|alloca|free|strdup|fopen)\s*\(")
REPLACES = re.compile(r"\brename(at2?)?\s*\(")
REPLACES_FILES = {"core/files/atomic_file.c", "data/pack.c"}
OF_LIBM = re.compile(r"(?<![\w.])(?<!->)(exp|exp2|exp10|expm1|log|log2|log10|log1p|pow|sin|cos|sincos|tan|asin|acos|atan|atan2"
                     r"|sinh|cosh|tanh|asinh|acosh|atanh|cbrt|hypot|erf|erfc|tgamma|lgamma)[fl]?\s*\(")
MAY_CALL_LIBM = {
    "train/report/insight.c": "the confidence that the page shows",
    "train/report/chart.c": "the steps of an axis",
    "train/cli/cmd_bench_kernels.c": "geometric means of speeds that are printed",
    "train/examples/own_operator.c": "a user's own operator, written with what a user has",
}
OF_THE_COMPILER = (".gomp_critical_user_",)  # the lock that clang makes for an OpenMP reduction
ENDS_THE_PROCESS = {"core/base.c", "core/comm/open.c"}  # hold reel_assert_failed and reel_comm_abort

breaches = []


def breach(path, line, text):
    breaches.append(f"{path}:{line}: {text}" if line else f"{path}: {text}")


def git_files(root, *which):
    """What git lists, or None where there is no git or no repository."""
    if not os.path.exists(os.path.join(root, ".git")):
        return None
    try:
        git = subprocess.run(["git", "-C", root, "ls-files", "-z", *which], capture_output=True)
    except FileNotFoundError:
        return None
    names = [os.fsdecode(n) for n in git.stdout.split(b"\0") if n]
    return [n for n in names if os.path.exists(os.path.join(root, n))] if git.returncode == 0 else None


def files_of(root):
    """All files of the project, and those among them that count for the list of what may lie at the root.

    With git: tracked and new files without the ignored ones; at the root the tracked ones. Without: the agreed folders and the
    files at the root, for nobody can tell what a folder beside them is."""
    tracked = git_files(root, "--cached")
    if tracked is not None:
        return git_files(root, "--cached", "--others", "--exclude-standard"), set(tracked)
    found = []
    for folder, folders, names in os.walk(root):
        at = os.path.relpath(folder, root)
        folders[:] = [f for f in folders if f != "__pycache__" and (at != "." or f in MAY_INCLUDE)]
        found += [os.path.normpath(os.path.join(at, n)) for n in names]
    return found, set(found)


def blank_comments(text, strings):
    """The code with comments (and, if asked, string contents) blanked out and lines kept."""
    def blank(match):
        s = match.group(0)
        if s[0] in "\"'":
            return s[0] + re.sub(r"[^\n]", " ", s[1:-1]) + s[-1] if strings else s
        return re.sub(r"[^\n]", " ", s)
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def check_includes(root, path, code):
    top = path.split("/")[0]
    for number, line in enumerate(code.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        kind, target = match.groups()
        target_top = target.split("/")[0]
        if re.search(r"(^|/)(\w*intrin|arm_\w+)\.h$", target) and not re.match(r"core/kernels/[^/]+/", path):
            breach(path, number, f"{target} belongs below core/kernels/ISA/")
        if kind == "<":
            if target_top in MAY_INCLUDE and os.path.exists(os.path.join(root, target)):
                breach(path, number, f"<{target}> is a file of the project: use quotes")
            continue
        if GENERATED.fullmatch(target):
            continue
        if target.endswith(".c") and (path, target) not in INCLUDED_SOURCES:
            breach(path, number, f"includes a .c file: {target}")
        if not os.path.exists(os.path.join(root, target)) or target_top not in MAY_INCLUDE:
            breach(path, number, f'"{target}" is not a path from the root')
            continue
        if target_top not in MAY_INCLUDE[top] and not (path == PUBLIC_HEADER and target_top in LIBRARY):
            breach(path, number, f"forbidden edge: {top} includes {target}")
        if target.endswith("internal.h") and top != "tests" and os.path.dirname(target) != os.path.dirname(path) \
                and not path.startswith(os.path.dirname(target) + "/"):
            breach(path, number, f"{target} is private to {os.path.dirname(target)}/")
        if target == "core/op_impl.h" and not re.match(r"core/ops/|.*_real\.c$", path):
            breach(path, number, "op_impl.h is for files that are compiled for both dtypes")
        if target.startswith("core/kernels/") and target not in KERNELS_FOR_ALL and top not in ("core", "train", "tests"):
            breach(path, number, f"{target}: kernels are reached through operators")


def module_of(path):
    return re.sub(r"(_internal)?\.[ch]$", "", path)


def circles(edges):
    """The strongly connected sets of more than one module (Tarjan 1972)."""
    index, low, stack, found = {}, {}, [], []

    def visit(module):
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(edges.get(module, ())):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            circle = set()
            while module not in circle:
                circle.add(stack.pop())
            if len(circle) > 1:
                found.append(circle)

    for module in sorted(edges):
        if module not in index:
            visit(module)
    return found


def check_circles(sources):
    edges = {}
    for path, text in sources.items():
        for target in re.findall(r'^\s*#\s*include\s*"([^"]+)"', blank_comments(text, False), flags=re.M):
            if target in sources and module_of(target) != module_of(path):
                edges.setdefault(module_of(path), set()).add(module_of(target))
    for circle in circles(edges):
        breach(min(circle), 0, "include circle: " + ", ".join(sorted(circle)))


def names_of(code):
    """The functions and types that a file defines; code has no comments and no strings."""
    functions = re.findall(r"^[A-Za-z_][\w \t*\n]*?\b(?:REEL_FN\()?(\w+)\)?\s*\((?:[^;{}#]*)\)\n\{", code, flags=re.M)
    types = re.findall(r"^(?:typedef )?(?:struct|union|enum) (\w+)\s*\{", code, flags=re.M)
    return {name for name in functions + types if not re.fullmatch(r"main|Test|__attribute__|[A-Z_0-9]+", name)}


def check_names(root, sources):
    listed = os.path.join(root, SHARED_NAMES)
    allowed = set()
    if os.path.exists(listed):
        with open(listed, encoding="utf-8") as file:
            allowed = {line.strip() for line in file if line.strip() and not line.startswith("#")}
    places = {}
    for path, text in sources.items():
        if not path.startswith("tests/"):
            # Each instruction set's isa.h defines the same names: only one of them is compiled with a template.
            place = re.sub(r"^core/kernels/[^/]+/(isa\.h|detect\.c)$", r"core/kernels/ISA/\1", path)
            for name in names_of(blank_comments(text, True)):
                places.setdefault(name, set()).add(place)
    for name, where in sorted(places.items()):
        paths = sorted(where)
        if len(paths) > 1 and name not in allowed:
            breach(paths[0], 0, f"shares the name {name} with {', '.join(paths[1:])}; rename one of them, static or not")


# A table of one kind of thing, and the file that holds it: the name in the table is the file's.
KINDS = re.compile(r"(?:layers/(?:models/)?|optim/(?:schedules/)?|train/cli/cmd_)(\w+)\.c")
KIND_TABLE = re.compile(r"^const reel_(?:layer|model|optimizer_kind|schedule_kind|command) \w+ =\s+(?:\{|REEL_\w+\()(.*?)[})];$", re.M | re.S)


def check_kind(path, text):
    file = KINDS.fullmatch(path)
    table = KIND_TABLE.search(text) if file else None
    name = re.search(r'\.name = "([^"]*)"', table.group(1)) if table else None
    if not name:
        return
    number = text[:table.start() + table.group(0).index(name.group(0))].count("\n") + 1
    if name.group(1).replace(" ", "_") != file.group(1):
        breach(path, number, f'the table says .name = "{name.group(1)}", the file {file.group(1)}')
    if path.startswith("optim/schedules/"):
        for option in re.findall(r'REEL_OPTIM_OPTION\(\w+, \.name = "([^"]*)"', text):
            if not option.startswith("lr-"):
                breach(path, 0, f'the option "{option}" of a schedule does not begin with lr-')


def check_source(root, path, text):
    check_includes(root, path, blank_comments(text, False))
    code = re.sub(r"format\(printf,", "", blank_comments(text, True))  # the attribute prints nothing
    top = path.split("/")[0]
    if not text.lstrip().startswith(("/*", "//")):
        breach(path, 1, "does not open with a comment that says what it holds")
    for number, line in enumerate(code.split("\n"), 1):
        if top in LIBRARY:
            match = PRINTS_OR_ENDS.search(line)
            if match and path not in ENDS_THE_PROCESS:
                breach(path, number, f"the library neither prints nor ends the process: {match.group(0)}")
            if re.match(r"int\s+main\s*\(", line):
                breach(path, number, "main belongs to train/")
        if top in LIBRARY + ("train",) and REPLACES.search(line) and path not in REPLACES_FILES:
            breach(path, number, "files are replaced by reel_atomic_write")
        match = OF_LIBM.search(line)
        if match and top in LIBRARY + ("train",) and path not in MAY_CALL_LIBM:
            breach(path, number, f"the bits of libm's {match.group(1)} vary: use core/elementary.h")
        if path.startswith("core/ops/") and ALLOCATES.search(line):
            breach(path, number, f"operators do not allocate: {ALLOCATES.search(line).group(1)}")


def check_files(root):
    files, settled = files_of(root)
    sources = {}
    flat = [f for f in files if re.fullmatch(r"train/[^/]+\.[ch]", f)]
    if len(flat) > MOST_IN_TRAIN:
        breach("train", 0, f"{len(flat)} files lie directly in it; {MOST_IN_TRAIN} is the limit")
    for path in sorted(files):
        first = path.split("/")[0]
        if first not in MAY_INCLUDE and path not in settled:
            continue
        if first not in AT_ROOT and not first.startswith("."):
            breach(path, 0, "not one of the entries agreed for the root")
        if not path.endswith((".c", ".h", ".cpp", ".py", ".sh", ".txt", ".cmake", ".md")):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as file:
            text = file.read()
        lines = text.count("\n")
        if lines > MOST_LINES and not path.endswith(".md"):
            breach(path, 0, f"{lines} lines; {MOST_LINES} is the limit")
        if path.endswith((".c", ".h")) and first in MAY_INCLUDE:
            check_source(root, path, text)
            check_kind(path, text)
            sources[path] = text
    check_circles(sources)
    check_names(root, sources)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_symbols(build):
    def names(*command):
        for line in output(*command).splitlines():
            fields = line.split()
            if len(fields) >= 2 and not line.endswith(":"):
                yield fields[-2], fields[-1].split("@")[0]

    exported = [n for _, n in names("nm", "-D", "--defined-only", os.path.join(build, "libreel.so"))]
    for name in exported:
        if not name.startswith(("reel_",) + OF_THE_COMPILER):
            breach("libreel.so", 0, f"exports {name}")
    if "reel_version" not in exported:
        breach("libreel.so", 0, "does not export reel_version")
    for kind, name in names("nm", "-g", "--defined-only", os.path.join(build, "libreel.a")):
        if not name.startswith(("reel_",) + OF_THE_COMPILER) and kind not in "UVWw":
            breach("libreel.a", 0, f"has the external symbol {name}")
    for line in output("objdump", "-t", os.path.join(build, "libreel.a")).splitlines():
        match = re.search(r"\sO\s(\.data|\.bss|\.tbss|\.tdata|\*COM\*)(?!\.rel\.ro)\S*\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)", line)
        if match and int(match.group(2), 16) > 0 and not match.group(1).startswith(".data.rel.ro") \
                and not match.group(3).startswith(OF_THE_COMPILER):
            breach("libreel.a", 0, f"writable global state: {match.group(3)}")


def main():
    root = sys.argv[1]
    check_files(root)
    if len(sys.argv) > 2:
        check_symbols(sys.argv[2])
    for line in breaches:
        print(line)
    return 1 if breaches else 0


sys.exit(main())
