#!/usr/bin/env python3
"""option_tables.py [--write] ROOT REEL: the option tables in the guides are those that the program prints.

A guide marks the place of a table by a line `<!-- reel help COMMAND --markdown -->` and ends it by a line `<!-- end -->`. Each
table that differs from the output of that command is named; exit 1 if there is one. --write puts the output into the files."""
import os
import re
import subprocess
import sys

BLOCK = re.compile(r"(<!-- reel help ([a-z ]+?) --markdown -->\n)(.*?)(<!-- end -->)", re.S)


def guides(root):
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "build"))]
        yield from (os.path.join(folder, n) for n in names if n.endswith(".md"))


def main():
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    root, reel = arguments
    differ = 0
    for path in sorted(guides(root)):
        with open(path, encoding="utf-8") as file:
            text = file.read()

        def table(match):
            printed = subprocess.run([reel, "help", *match[2].split(), "--markdown"], check=True, capture_output=True, text=True)
            return f"{match[1]}\n{printed.stdout}\n{match[4]}"

        new = BLOCK.sub(table, text)
        if new == text:
            continue
        if "--write" in sys.argv:
            with open(path, "w", encoding="utf-8") as file:
                file.write(new)
        else:
            print(f"{path}: an option table differs from the program's: tests/support/option_tables.py --write")
            differ = 1
    return differ


if __name__ == "__main__":
    sys.exit(main())
