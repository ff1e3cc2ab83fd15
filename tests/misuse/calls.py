#!/usr/bin/env python3
"""Writes the calls of tests/misuse: every public function with wrong arguments.

    calls.py OUT.c HEADER FIXTURES.h INCLUDE_FOLDER...

Reads the prototypes (REEL_API) of HEADER and of all that it includes. Each argument has one good
value and a few wrong ones. A function is called
- with one wrong argument, the others good,
- with two wrong pointers, the others good,
- with every argument wrong,
- with good and wrong arguments drawn at random,
- with one wrong member in a config struct.

The good value of a type T is the member T of `struct misuse_good` in FIXTURES.h, where there is
one; else a zeroed T. Wrong are NULL, a zeroed T, and the member T of `struct misuse_unfinished`.
A new function needs nothing here. A new opaque type needs a member, or a reason in WITHOUT_VALUE.
"""
import itertools
import os
import random
import re
import sys

# Opaque types that a caller cannot make: NULL is all that the calls can give.
WITHOUT_VALUE = {
    'reel_onnx': 'exists only while reel_net_save_onnx runs',
    'reel_opened': 'exists only while a source opens',
    'reel_decoders': 'begins as NULL; a decoding makes it',
}
MIXED = 16  # drawn argument lists of a function
SKIPPED = {'reel_assert_failed', 'reel_comm_abort'}  # their purpose is to end the process

# Structs that settings are given in: each member is tried with wrong values.
SETTINGS = re.compile(r'_(config|attrs|request)$|^reel_(transform|preprocessing|group|schedule)$')
# Members that say how large something else is: a wrong one is not detectable.
UNDETECTABLE = re.compile(r'^(user|log_user|n_params|list_size)$')

# Good numbers by the argument's name; 1 otherwise.
NUMBERS = {'index': 0, 'k': 0, 'c': 0, 'i': 0, 'param': 0, 'state': 0, 'dim': 0, 'begin': 0,
           'size': 64, 'length': 64, 'bytes': 64, 'capacity': 64, 'width': 8, 'height': 8,
           'classes': 3, 'ndim': 2, 'quality': 90, 'n_classes': 3, 'folder': -1}
# Arguments that count the elements behind a pointer: too large a value is not detectable.
COUNTS = {'n', 'n_in', 'n_classes', 'max', 'most', 'rows', 'columns', 'size', 'length', 'bytes',
          'ranks'}
TEXTS = {'path': '"weights.safetensors"', 'name': '"0.weight"', 'format': '"text"'}

WHOLE = {'int', 'int64_t', 'int32_t', 'unsigned', 'uint32_t', 'uint64_t', 'size_t', 'reel_isa'}
REAL = {'double', 'float'}
MEMORY = WHOLE | REAL | {'void', 'uint8_t', 'char', 'bool'}


def headers(first, folders):
    """The text of a header and all it includes, in order, without comments."""
    seen, text = set(), []

    def add(path):
        if path in seen:
            return
        seen.add(path)
        with open(path, encoding='utf-8') as file:
            source = re.sub(r'/\*.*?\*/', ' ', file.read(), flags=re.S)
        for line in source.replace('\\\n', ' ').split('\n'):
            include = re.match(r'#include "(.*)"', line)
            if include:
                add(next(p for p in (os.path.join(f, include[1]) for f in folders)
                         if os.path.exists(p)))
            else:
                text.append(line)
    add(first)
    return '\n'.join(text)


class Types:
    """What the headers say about types."""

    def __init__(self, text, fixtures):
        plain = re.sub(r'^\s*#.*$', '', text, flags=re.M)
        self.enums = set(re.findall(r'typedef enum[^;{]*\{[^}]*\}\s*(\w+);', plain))
        self.functions = set(re.findall(r'typedef [\w\s*]+?\b(\w+)\(', plain))
        self.arrays = set(re.findall(r'typedef \w+ (\w+)\[', plain))
        self.structs = {}
        for body, name in re.findall(r'typedef struct \w+ \{(.*?)\n\} (\w+);', plain, re.S):
            self.structs[name] = body
        for name, body in re.findall(r'\nstruct (\w+) \{(.*?)\n\};', plain, re.S):
            self.structs[name] = body
        with open(fixtures, encoding='utf-8') as file:
            source = file.read()
        self.good, self.unfinished = (
            set(re.findall(r'\*(?:const \*)?(\w+);', body)) for body in
            re.findall(r'struct misuse_\w+ \{(.*?)\n\};', source, re.S))

    def members(self, struct):
        """(type, name) of the plain members of a struct."""
        body = re.sub(r'(struct|union) \{.*?\}[^;]*;', '', self.structs[struct], flags=re.S)
        for kind, names in re.findall(r'^\s*([\w ]+?)\s+(\w+(?:\s*,\s*\w+)*);', body, re.M):
            for name in re.split(r'\s*,\s*', names):
                yield kind.strip(), name


def wrong_numbers(kind, name, types):
    if kind in types.enums or kind in ('reel_dtype', 'reel_isa'):
        return ['99', '-1']
    if kind in REAL:
        return ['NAN', '-1', 'INFINITY']
    if kind == 'size_t':
        return ['0'] if name in COUNTS else ['0', 'SIZE_MAX']
    if kind in ('unsigned', 'uint32_t', 'uint64_t'):
        return ['0', 'UINT32_MAX']
    most = {'int': 'INT_MAX', 'int64_t': 'INT64_MAX'}[kind]
    if name in COUNTS:
        return ['-1', '0']
    least = most.replace('MAX', 'MIN')
    return ['-1', '99' if name == 'ndim' else most, least]


def values(kind, name, types):
    """(good value, wrong values, is it a pointer) of an argument."""
    base = kind.replace('const', '').strip()
    null = f'({kind})0'
    if '(*' in kind:
        return '0', [], False
    if base.replace(' ', '').endswith('**'):
        deep = re.sub(r'[\s*]', '', base)
        if deep == 'char' and 'const' in kind:
            return 'good.names', [null, 'good.holes'], True
        return 'slots()', [null], True
    if base.endswith('*'):
        base = base[:-1].strip()
        if base == 'reel_error':
            return 'fresh_error()', [null], True
        if base == 'char' and 'const' in kind:
            wrong = [] if name == 'format' else [null, '""']
            return TEXTS.get(name, '"x"'), wrong, True
        if base in types.good:
            zeroed = [f'&({base}){{0}}'] if base in types.structs else []
            begun = [f'unfinished.{base}'] if base in types.unfinished else []
            return f'good.{base}', [null] + zeroed + begun, True
        if base in types.functions:
            return '0', [], False
        if base in MEMORY | types.enums | types.arrays:
            return '(void *)memory()', [null], True
        if base in types.structs:
            return f'&({base}){{0}}', [null], True
        if base not in WITHOUT_VALUE:
            sys.exit(f'calls.py: no value for {base} *: add a member {base} to struct misuse_good')
        return null, [], True
    if base == 'bool':
        return 'true', ['false'], False
    if base in WHOLE or base in REAL or base in types.enums:
        default = 0 if base in types.enums or base == 'reel_isa' else 1
        return str(NUMBERS.get(name, default)), wrong_numbers(base, name, types), False
    if base == 'reel_var':
        return '*good.reel_var', ['(reel_var){0}', 'a_var(9999)', 'a_var(-1)'], False
    good = f'*good.{base}' if base in types.good else f'({base}){{0}}'
    return good, [f'({base}){{0}}'], False


def arguments(text):
    """(type, name) of each argument of a prototype."""
    for argument in re.split(r',(?![^(]*\))', text):
        argument = ' '.join(argument.split())
        if argument in ('void', '...', ''):
            continue
        pointer = re.match(r'(.*\(\*)(\w+)(\).*)', argument)
        if pointer:
            yield argument, pointer[2]
            continue
        kind, name, array = re.match(r'(.*?)\b(\w+)(\[\w*\])?$', argument).groups()
        yield kind.strip() + (' *' if array else ''), name


def combinations(name, choices):
    """The argument lists of a function's calls."""
    good = [c[0] for c in choices]
    yield from ([*good[:i], wrong, *good[i + 1:]]
                for i, c in enumerate(choices) for wrong in c[1])
    pointers = [i for i, c in enumerate(choices) if c[2] and c[1]]
    for pair in itertools.combinations(pointers, 2):
        yield [c[1][0] if i in pair else c[0] for i, c in enumerate(choices)]
    for which in (0, -1):
        yield [c[1][which] if c[1] else c[0] for c in choices]
    draw = random.Random(name)  # the same in every build
    for _ in range(MIXED):
        yield [draw.choice([c[0], *c[1]]) for c in choices]


def statement(result, call):
    result = ' '.join(result.split())
    if result == 'reel_status':
        return f'check_status({call});' if 'fresh_error()' in call else f'(void){call};'
    if result.replace(' ', '') == 'constchar*':
        return f'check_text({call});'
    return f'(void){call};'


def setting_calls(name, result, parameters, choices, types):
    """Calls with one wrong member of a config struct."""
    for i, (kind, _) in enumerate(parameters):
        base = re.sub(r'const|\*|\s', '', kind)
        if not kind.endswith('*') or base not in types.structs or not SETTINGS.search(base):
            continue
        start = f'{base} s = *good.{base};' if base in types.good else f'{base} s = {{0}};'
        call = ', '.join('&s' if j == i else c[0] for j, c in enumerate(choices))
        for member_kind, member in types.members(base):
            if UNDETECTABLE.match(member):
                continue
            if member_kind not in WHOLE | REAL and member_kind not in types.enums:
                continue
            for wrong in wrong_numbers(member_kind, member, types):
                yield (f'{name}(.. {base}.{member} = {wrong} ..)',
                       f'{start} s.{member} = {wrong}; {statement(result, f"{name}({call})")}')


def main():
    out, first, fixtures, *folders = sys.argv[1:]
    text = headers(first, folders)
    types = Types(text, fixtures)
    calls, functions = [], 0
    for prototype in re.findall(r'\bREEL_API\s+([^;{]*?)\s*;', text):
        prototype = ' '.join(re.sub(r'__attribute__.*', '', prototype, flags=re.S).split())
        result, name, inside = re.match(r'(.*?)\b(reel_\w+)\((.*)\)$', prototype).groups()
        if name in SKIPPED:
            continue
        functions += 1
        parameters = list(arguments(inside))
        choices = [values(kind, argument, types) for kind, argument in parameters]
        lists = dict.fromkeys(tuple(c) for c in combinations(name, choices))
        for given in lists:
            call = f'{name}({", ".join(given)})'
            calls.append((call, statement(result, call)))
        calls += setting_calls(name, result, parameters, choices, types)
    for name in dict.fromkeys(re.findall(r'#define (reel_\w+)\(net, \.\.\.\)', text)):
        functions += 1
        calls.append((f'{name}(NULL)', f'{name}((reel_net *)0);'))

    with open(out, 'w', encoding='utf-8') as file:
        file.write(f'/* Written by tests/misuse/calls.py. */\n#include "{os.path.basename(fixtures)}"\n\n')
        for i, (_, body) in enumerate(calls):
            file.write(f'static void call_{i}(void) {{ {body} }}\n')
        file.write('\nconst misuse_call misuse_calls[] = {\n')
        for i, (label, _) in enumerate(calls):
            label = label.replace('\\', '\\\\').replace('"', '\\"')
            file.write(f'    {{"{label}", call_{i}}},\n')
        file.write(f'}};\nconst int misuse_call_count = {len(calls)};\n'
                   f'const int misuse_function_count = {functions};\n')


main()
