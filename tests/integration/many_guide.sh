#!/bin/bash
# Every line of train/MANY.md that is to be typed works: those of its ```sh blocks that begin with reel, mpirun or cmp
# run in their order, in one folder, on a small network. Blocks marked `sh untested` are left out. Lines with hosts run
# on two hosts made of namespaces, where these are allowed.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/two_hosts.sh"
unset OMP_NUM_THREADS
fail() {
    echo "$1"
    for file in out err; do [ ! -e "$file" ] || tail -n 20 "$file"; done
    exit 1
}

# The lines of a page, those that end in a backslash joined.
lines_of() { # lines_of PAGE
    awk '/^```/ { inside = !inside && $0 == "```sh"; next } inside' "$1" |
        sed -e ':a' -e '/\\$/N; s/\\\n *//; ta' | grep -E '^(reel|mpirun|cmp) '
}
printf '```sh\nreel a \\\n  b\n# no\n```\n```sh untested\nreel no\n```\n```\nreel no\n```\n```sh\nmpirun c\n```\n' >page.md
[ "$(lines_of page.md)" = $'reel a b\nmpirun c' ] || fail "lines of a page: $(lines_of page.md)"

# What the guide calls photographs, and a reel that trains a small network on them for a few steps.
"$REEL_BIN" synth photos --size 32 --train 20 --val 4 --classes 4 --quiet
mkdir bin
cat >bin/reel <<'END_OF_REEL'
#!/bin/bash
words=("$@")
case "$1 ${2-}" in
"train --resume") words+=(--max-steps $((2 + RESUMED))) ;; # one step further
"train "*) words+=(--arch tiny --threads 1 --max-steps 2 --quiet --no-report) ;;
"bench comm") words+=(--arch tiny --threads 1) ;;
"bench scale") words+=(--arch tiny --size 32 --threads 1) ;;
"bench step") words+=(--arch tiny --size 32 --steps 1 --threads 1) ;;
esac
for i in "${!words[@]}"; do
    # Drawn images in the place of ImageNet, as many as the largest batch.
    [ "${words[i]}" != imagenet ] ||
        words+=(--max-steps 1 --train-crop-size 16) words[i]=synth:train=8192,val=4,classes=4,size=32
done
exec "$REEL_BIN" "${words[@]}"
END_OF_REEL
chmod +x bin/reel
export REEL_BIN PATH=$PWD/bin:$PATH

# The guide's file names two hosts; here these are the two of two_hosts.sh.
hosts=''
(two_hosts_up && two_hosts_down) >skipped || true
if ! grep -q skipped skipped; then
    two_hosts_up
    hosts=yes
    cp two_hosts/hosts hosts
    export OMPI_MCA_plm_rsh_agent=$REEL_LAUNCH_AGENT OMPI_MCA_plm_rsh_no_tree_spawn=1 OMPI_MCA_orte_keep_fqdn_hostnames=1
fi

typed=0
export RESUMED=0
while read -r line; do
    begun=$SECONDS
    [[ $line != *--resume* ]] || RESUMED=$((RESUMED + 1))
    case $line in
    *" --hosts "* | *" --hostfile "* | *" comm.json"*)
        if [ -z "$hosts" ]; then
            echo "left out, $(sed 's/^skipped: //' skipped): $line"
            continue
        fi
        on_host reela bash -c "$line" >out 2>err </dev/null || fail "exit code $?: $line"
        ;;
    *) bash -c "$line" >out 2>err </dev/null || fail "exit code $?: $line" ;;
    esac
    echo "$((SECONDS - begun)) s: $line"
    typed=$((typed + 1))
done < <(lines_of "$REEL_SOURCE/train/MANY.md")
[ "$typed" -ge 8 ] || fail "expected at least 8 lines to type in train/MANY.md, found $typed"
