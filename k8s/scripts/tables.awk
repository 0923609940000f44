# Prints Markdown tables from the output of flatten.awk on standard input. -v table=ports prints `key TAB row` lines to
# sort and join. -v table=capacity prints a whole table.

# CPUs in thousandths, memory and storage in MiB.
function milli(text) { return text ~ /m$/ ? text + 0 : text * 1000 }
function mebi(text) {
    if (text == "") return 0
    if (text ~ /Ti$/) return text * 1048576
    if (text ~ /Gi$/) return text * 1024
    if (text ~ /Mi$/) return text + 0
    if (text ~ /Ki$/) return text / 1024
    if (text ~ /G$/) return text * 1000000000 / 1048576
    if (text ~ /M$/) return text * 1000000 / 1048576
    return text / 1048576
}
function show_cpu(value) { return value == 0 ? "–" : value % 1000 == 0 ? value / 1000 : value "m" }
function show_memory(value) {
    return value == 0 ? "–" : value % 1024 == 0 ? value / 1024 " Gi" : int(value + 0.5) " Mi"
}
function at(doc, path) { return value[doc, path] }

BEGIN { FS = "\t" }

{
    value[$1, $2] = $3
    if ($1 > last) last = $1
    # Containers, and init containers that keep running (sidecars).
    if (match($2, /^spec\.template\.spec\.(containers|initContainers)\[[0-9]+\]\.name$/)) {
        box = substr($2, 1, length($2) - 5)
        boxes[$1]++
        box_path[$1, boxes[$1]] = box
    }
    if ($2 ~ /^spec\.template\.spec\.(containers|initContainers)\[[0-9]+\]\.ports\[[0-9]+\]\.containerPort$/) {
        ports++
        port_doc[ports] = $1
        port_path[ports] = substr($2, 1, length($2) - 14)
    }
    if ($2 ~ /^spec\.ports\[[0-9]+\]\.port$/) {
        services++
        service_doc[services] = $1
        service_path[services] = substr($2, 1, length($2) - 5)
    }
    if ($2 ~ /^spec\.volumeClaimTemplates\[[0-9]+\]\.spec\.resources\.requests\.storage$/) disk[$1] += mebi($3)
}

function is_workload(doc) { return at(doc, "kind") ~ /^(StatefulSet|Deployment|DaemonSet)$/ }

# Services that select the workload's component and target the port, as `name:port`.
function reached_by(doc, name, number,    i, target, text) {
    for (i = 1; i <= services; i++) {
        if (at(service_doc[i], "kind") != "Service") continue
        if (at(service_doc[i], "metadata.namespace") != at(doc, "metadata.namespace")) continue
        if (at(service_doc[i], "spec.selector.app.kubernetes.io/component") != \
            at(doc, "spec.template.metadata.labels.app.kubernetes.io/component")) continue
        target = at(service_doc[i], service_path[i] ".targetPort")
        if (target == "") target = at(service_doc[i], service_path[i] ".port")
        if (target != name && target != number) continue
        text = text (text == "" ? "" : ", ") at(service_doc[i], "metadata.name") ":" \
            at(service_doc[i], service_path[i] ".port")
    }
    return text == "" ? "–" : text
}

function print_ports(    i, doc, box, name, number) {
    for (i = 1; i <= ports; i++) {
        doc = port_doc[i]
        if (!is_workload(doc)) continue
        box = port_path[i]
        sub(/\.ports\[.*/, "", box)
        name = at(doc, port_path[i] ".name")
        number = at(doc, port_path[i] ".containerPort")
        printf "%s %s %05d\t| %s | %s | %s | %s | %s | %s |\n", at(doc, "metadata.namespace"),
            at(doc, "metadata.name"), number, at(doc, "metadata.namespace"), at(doc, "metadata.name"),
            at(doc, box ".name"), name == "" ? "–" : name, number, reached_by(doc, name, number)
    }
}

function print_capacity(    doc, i, box, copies, sum, total, what) {
    print "| workload | pods | CPU request | CPU limit | memory request | memory limit | storage |"
    print "|---|---:|---:|---:|---:|---:|---:|"
    for (doc = 1; doc <= last; doc++) {
        if (!is_workload(doc)) continue
        copies = at(doc, "spec.replicas")
        if (copies == "") copies = 1
        for (what = 1; what <= 4; what++) sum[what] = 0
        for (i = 1; i <= boxes[doc]; i++) {
            box = box_path[doc, i]
            if (box ~ /initContainers/ && at(doc, box ".restartPolicy") != "Always") continue
            sum[1] += milli(at(doc, box ".resources.requests.cpu"))
            sum[2] += milli(at(doc, box ".resources.limits.cpu"))
            sum[3] += mebi(at(doc, box ".resources.requests.memory"))
            sum[4] += mebi(at(doc, box ".resources.limits.memory"))
        }
        printf "| %s | %d | %s | %s | %s | %s | %s |\n", at(doc, "metadata.name"), copies, show_cpu(sum[1]),
            show_cpu(sum[2]), show_memory(sum[3]), show_memory(sum[4]), show_memory(disk[doc])
        for (what = 1; what <= 4; what++) total[what] += copies * sum[what]
        total[5] += copies * disk[doc]
        total[6] += copies
    }
    printf "| **all pods** | %d | %s | %s | %s | %s | %s |\n", total[6], show_cpu(total[1]), show_cpu(total[2]),
        show_memory(total[3]), show_memory(total[4]), show_memory(total[5])
}

END { if (table == "ports") print_ports(); else print_capacity() }
