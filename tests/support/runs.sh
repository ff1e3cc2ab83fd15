# For `.` in scripts that compare training runs: the end of a test, and a run's weights as a number.
fail() {
    echo "$1"
    exit 1
}
sum() { sha256sum "$1/model.safetensors" | cut -d' ' -f1; }
