#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Strangers who send garbage of every kind, while good clients join and do a task: the strangers get
# refusals or nothing, which are counted; the server's memory stays where it was.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 4/'
init_server
# Freed memory is kept for a while by the address sanitizer: that is not the server's growth.
ASAN_OPTIONS="${ASAN_OPTIONS:-}:quarantine_size_mb=4"
export ASAN_OPTIONS
start_server || fail "the server did not start"

garbage() { # MODE COUNT [SEED]
  "$TOOLS/wire_garbage" "$port" "$@" >>"$box/garbage.log" 2>&1 || fail "wire_garbage $*"
}
kilobytes() {
  sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server/status"
}
count() { # FIELD of the status
  fedl --json status | field "$1"
}
everything() {
  garbage noise 40
  garbage truncated 40
  garbage oversized 12
  garbage bodies 600 "$1"
  garbage hello-ik 600 "$1"
  garbage hello-xx 1200 "$1" # more than there are places for half-open sessions
}

refusals=$(count refusals)
everything 1
[ "$(count refusals)" -ge "$((refusals + 1500))" ] || fail "refusals are not counted: $(count refusals) after $refusals"
[ "$(count devices_connected)" -eq 0 ] || fail "garbage counts as a device"
before=$(kilobytes)

# Good clients join and work while 60 connections hang half open and a storm goes on.
"$TOOLS/wire_garbage" "$port" half-open 60 >"$box/half.log" 2>&1 &
half=$!
"$TOOLS/wire_garbage" "$port" storm 7 >"$box/storm.log" 2>&1 &
storm=$!
clients="$clients $half $storm"
wait_line "$box/half.log" half-open "$half"
good_run 4
kill "$half" "$storm"
wait "$storm" || fail "the storm: $(tail -n 1 "$box/storm.log")"
wait "$half" || fail "the half-open connections: $(tail -n 1 "$box/half.log")"
grep -q 'storm: [1-9]' "$box/storm.log" || fail "there was no storm"

for seed in 2 3 4; do
  everything "$seed"
done
grown=$(($(kilobytes) - before))
[ "$grown" -lt 40000 ] || fail "the server has grown by $grown kB"
[ "$(fedl --json device list | wc -l)" -eq 4 ] || fail "devices appeared or went"
check_database 4 4
lines=$(wc -c <"$box/server.log.now")
[ "$lines" -lt 4000000 ] || fail "garbage fills the log: $lines bytes"
kill "$server"
wait "$server" || fail "the server's end: $?"
no_secret
