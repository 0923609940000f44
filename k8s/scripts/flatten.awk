# Converts rendered manifests (YAML as kustomize writes it) to lines `document TAB path TAB value`, so that scripts need
# no YAML library: 3<TAB>spec.template.spec.containers[0].name<TAB>nats. With -v dir=DIR, also writes each document to
# DIR/NNNN.yaml. The value of a block scalar is `|`; its text is skipped.

function push(indent, kind, label) { depth++; indents[depth] = indent; kinds[depth] = kind; labels[depth] = label }

function path(    i, text) {
    text = ""
    for (i = 1; i <= depth; i++)
        text = text (kinds[i] == "item" ? "[" labels[i] "]" : (text == "" ? "" : ".") labels[i])
    return text
}

function unquote(text) {
    if (text ~ /^".*"$/ || text ~ /^'.*'$/) return substr(text, 2, length(text) - 2)
    return text
}

# Prints the value at the path. Skips a block scalar up to the first line that is not indented deeper than its key.
function leaf(value, owner) {
    if (value ~ /^[|>][-+0-9]*$/) { block = owner; value = "|" }
    printf "%d\t%s\t%s\n", doc, path(), unquote(value)
}

function begin_document() { doc++; depth = 0; block = -1; empty = 1 }

BEGIN { doc = 0; begin_document() }

/^---/ { if (!empty) begin_document(); next }

{
    if ($0 !~ /^[ ]*(#.*)?$/) empty = 0
    if (dir != "" && !empty) print > (dir "/" sprintf("%04d", doc) ".yaml")
    if ($0 ~ /^[ ]*$/) next
    match($0, /^ */)
    indent = RLENGTH
    text = substr($0, indent + 1)
    if (block >= 0) {
        if (indent > block) next
        block = -1
    }
    if (text ~ /^#/) next
    while (text ~ /^-( |$)/) {
        while (depth > 0 && indents[depth] > indent) depth--
        if (depth > 0 && indents[depth] == indent && kinds[depth] == "item") labels[depth]++
        else push(indent, "item", 0)
        owner = indent
        text = substr(text, 3)
        indent += 2
    }
    if (text == "") next
    if (match(text, /^("[^"]*"|'[^']*'|[^"'{\[|> ][^ ]*( [^: ]+)*):( |$)/)) {
        while (depth > 0 && indents[depth] >= indent) depth--
        key = substr(text, 1, RLENGTH)
        value = substr(text, RLENGTH + 1)
        sub(/: *$/, "", key)
        push(indent, "key", unquote(key))
        if (value != "") leaf(value, indent)
        next
    }
    if (depth > 0 && kinds[depth] == "item") leaf(text, owner)
}
