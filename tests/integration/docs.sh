#!/bin/bash
# The rules of the *.md files hold, and the checker sees each kind of breach.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
check=$REEL_SOURCE/tests/support/check_docs.py
# Every rule of check_docs.py.
rules=rows,files,links,commands,scripts,options,lines,sentences
python3 "$check" "$REEL_SOURCE" --reel "$REEL_BIN" --rules "$rules" || {
    echo "the *.md files break their rules"
    exit 1
}

# The guide shows pieces of one run, train shapes --arch tiny --epochs 12: they agree on its best epoch.
guide=$REEL_SOURCE/train/GUIDE.md
best=$(sed -nE 's/^done after 744 steps, .*best validation top-1 ([0-9.]+) % \(epoch ([0-9]+)\).*/\1 \2/p' "$guide" | sort -u)
read -r top1 epoch <<<"$best"
[ "$(wc -l <<<"$best")" = 1 ] && grep -qE "^epoch $epoch/12 .* validation ${top1%?} % best" "$guide" &&
    grep -qE "^shapes/val: 500 images, .* top-1 $top1 %," "$guide" || {
    echo "train/GUIDE.md: outputs of one run differ: $best"
    exit 1
}

tree=${REEL_SCRATCH:-$(mktemp -d)}/tree
failed=0
try() { # try WORDS FILE TEXT: the tree with this page is refused, with these words
    rm -rf "$tree"
    mkdir -p "$tree/core"
    echo '/* A header. */' >"$tree/core/a.h"
    printf '# core\n\n| file | holds |\n|---|---|\n| `a.h` | a header |\n' >"$tree/core/README.md"
    printf '%b' "$3" >"$tree/$2"
    if said=$(python3 "$check" "$tree" --reel "$REEL_BIN"); then
        echo "not refused: $2 ($1)"
        failed=1
    elif ! grep -qF -- "$1" <<<"$said"; then
        echo "refused, but not with \"$1\": $said"
        failed=1
    fi
}
try "core/README.md:6: the table names b.h, which does not exist" core/README.md \
    '# core\n\n| file | holds |\n|---|---|\n| `a.h` | a header |\n| `b.h` | no header |\n'
try "core/b.c: stands in no table of core/README.md" core/b.c '/* b */\n'
try "core/a.h: stands in no table of core/README.md" core/README.md '# core\n'
try "the link core/b.md leads nowhere" README.md 'See [b](core/b.md).\n'
try "core/README.md has no heading #rules" README.md 'See [a](core/README.md#rules).\n'
try "unknown option --epoch; did you mean --epochs?" README.md '```\nreel train photos --epoch 3\n```\n'
try "--epochs: expected a whole number, got 'many'" README.md 'Run `reel train photos --epochs many`.\n'
try "unknown command 'trian'" README.md '```\nbuild/reel synth demo && build/reel trian demo\n```\n'
try "tests/all.sh does not exist" README.md '```\n./tests/all.sh\n```\n'
try "the tables differ from \`reel help report --markdown\`" README.md \
    '<!-- reel help report -->\n| option |\n|---|\n<!-- end -->\n'
try "121 columns" README.md "$(printf 'x%.0s' $(seq 121))\n"
try "2 of 2 sentences have more than 24 words" README.md "$(printf 'word %.0s' $(seq 25)). $(printf 'word %.0s' $(seq 25)).\n"

# Pages that keep the rules are not refused.
rm -rf "$tree"
mkdir -p "$tree/core/ops" "$tree/train/cli"
for file in core/a.h core/a.c core/ops/op_b.c train/cli/cmd_x.c; do echo '/* x */' >"$tree/$file"; done
printf '# core\n\n| file | holds |\n|---|---|\n| `a.h`, `ops/op_NAME.c` | a, operators |\n' >"$tree/core/README.md"
printf '# train\n\n| folder | holds |\n|---|---|\n| `cli/` | commands |\n' >"$tree/train/README.md"
{
    printf '# Reel: how to\n\nSee [a](core/README.md#core) and [above](#reel-how-to).\n\n'
    printf '```\n$ reel train photos -o run --epochs 3   # three epochs\nreel train photos --epoch 3\n'
    printf "reel train: unknown option --epoch; did you mean --epochs?\n\`\`\`\n\n"
    printf '<!-- reel help report -->\n%s\n<!-- end -->\n' "$("$REEL_BIN" help report --markdown)"
} >"$tree/README.md"
python3 "$check" "$tree" --reel "$REEL_BIN" || failed=1
exit $failed
