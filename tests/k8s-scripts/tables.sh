# shellcheck shell=bash
# Cases of tables.sh and of what it and the other scripts read manifests with.

page() { printf '# A page\n<!-- generated: ports -->\nold\n<!-- /generated -->\ntext\n%s\n<!-- /generated -->\nend\n' "$1"; }

test_tables_are_what_the_manifests_say() {
    fresh
    export TAPEDECK_PAGE=$FAKE/page.md
    page '<!-- generated: capacity -->' >"$TAPEDECK_PAGE"
    run tables.sh --check
    expect_failure
    expect_output 'is not what the manifests say'
    grep -q '^old$' "$TAPEDECK_PAGE" || wrong "--check wrote"
    run tables.sh
    expect_status 0
    run tables.sh --check
    expect_status 0
    local line
    for line in '# A page' '| tapedeck | risk | risk | http | 9464 | risk:9464 |' \
        '| tapedeck-data | nats | nats | client | 4222 | – |' 'Overlay **prod**' \
        '| risk | 1 | 50m | – | 256 Mi | 256 Mi | – |' '| nats | 1 | 50m | – | 256 Mi | 256 Mi | 2 Gi |' \
        '| **all pods** | 10 | 500m | – | 2560 Mi | 2560 Mi | 4 Gi |' 'text' 'end'; do
        OUT=$(cat "$TAPEDECK_PAGE")
        grep -qxF -- "$line" "$TAPEDECK_PAGE" || wrong "the page lacks: $line"
    done
    ! grep -q '^old$' "$TAPEDECK_PAGE" || wrong "the old table is still there"
    sed -i 's/| 9464 |/| 9465 |/' "$TAPEDECK_PAGE"
    run tables.sh --check
    expect_failure
    page 'no marker' >"$TAPEDECK_PAGE"
    run tables.sh
    expect_failure
    expect_output 'lacks a marker'
}

test_manifests_are_read_as_they_are_written() {
    fresh
    OUT=$(awk -f "$ROOT/k8s/scripts/flatten.awk" <<'YAML'
# comment
---
a: "1"
b:
  app.kubernetes.io/name: x
  list:
  - name: one
    args:
    - --flag=a
    - nats://host:4222
  - name: 'two'
  text: |-
    kind: Decoy
      deeper: yes

    last
  after: true
empty: {}
---
kind: Second
items:
- - nested
- script: |
    - not: an item
  next: 5
YAML
    )
    local expected
    expected=$(tr '|' '\t' <<'LINES'
1|a|1
1|b.app.kubernetes.io/name|x
1|b.list[0].name|one
1|b.list[0].args[0]|--flag=a
1|b.list[0].args[1]|nats://host:4222
1|b.list[1].name|two
1|b.text|!
1|b.after|true
1|empty|{}
2|kind|Second
2|items[0][0]|nested
2|items[1].script|!
2|items[1].next|5
LINES
    )
    [[ $OUT == "${expected//!/|}" ]] || wrong "$(diff <(echo "${expected//!/|}") <(echo "$OUT"))"
}
