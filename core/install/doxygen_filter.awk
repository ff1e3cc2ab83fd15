# Turns the plain comments of a public header into doxygen's: the first describes the file, one behind code describes what it
# stands behind, one before code describes what follows. Of reel.h only the comments remain: they are the reference's first page.
BEGIN { first = 1; inside = 0; title = 0 }

# What doxygen would take for a command or an HTML tag; indented lines are code and stay as they are.
function text(line) {
    if (line ~ /^ ?\*     /) return line
    gsub(/\\/, "\\\\\\\\", line)
    gsub(/@/, "\\@", line)
    gsub(/</, "\\<", line)
    gsub(/#/, "\\#", line)
    return line
}

FNR == 1 { page = FILENAME ~ /\/reel\.h$/ }

page {
    if (first) { print "/** @mainpage Reel"; print " *"; first = 0 }
    start = index($0, "/* ")
    if (start == 1) { inside = 1; $0 = " * " substr($0, 4) }
    if (!inside) next
    end = $0 ~ /\*\/$/
    sub(/ *\*\/$/, "")
    if (match($0, /==== .* ====/)) $0 = " * ## " substr($0, RSTART + 5, RLENGTH - 10)
    else $0 = text($0)
    print
    if (end) { inside = 0; print " *" }
    next
}

inside {
    print text($0)
    if ($0 ~ /\*\//) inside = 0
    next
}

{
    start = index($0, "/*")
    if (!start || $0 ~ /^[ \t]*\/\* ----/) { print; next }
    code = substr($0, 1, start - 1)
    comment = text(substr($0, start + 2))
    if (first) { open = "/** @file\n *"; first = 0 }
    else open = code ~ /[^ \t]/ ? "/**<" : "/**"
    print code open comment
    inside = $0 !~ /\*\//
}

END { if (page) print " */" }
