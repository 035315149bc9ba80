# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests share: a box of their own, real processes in it, and waiting for events
# (a line in a log, the end of a process) instead of sleeping. Sourced by each e2e_*.sh.
#   MODE = plain (4 devices) or masked (5: one may vanish)
#   BIN = folder with fedl-server, fedl-client, fedl-sim, fedl;  TOOLS = folder with make_shapes
set -eu
: "${BIN:?}" "${TOOLS:?}" "${SOURCE:?}"

box=$(mktemp -d)
mode=${MODE:-plain}
devices=4
numbers="1 2 3 4"
if [ "$mode" = masked ]; then
  devices=5
  numbers="1 2 3 4 5"
fi
server=
clients=
cleanup() {
  code=$?
  unset IFS # whoever failed may have changed it
  # shellcheck disable=SC2086
  kill -9 $server $clients 2>/dev/null || true
  wait 2>/dev/null || true
  if [ "$code" -ne 0 ] && [ "$code" -ne 77 ]; then
    echo "--- failed with $code; the last lines of each log:"
    for log in "$box"/*.log; do
      [ ! -s "$log" ] || { echo "--- $log"; tail -n 15 "$log"; }
    done
  fi
  rm -rf "$box"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
  echo "FAILED: $*"
  exit 1
}
skip() { # reason: ctest shows the test as skipped
  echo "SKIPPED: $*"
  exit 77
}
field() { # KEY, of flat JSON lines on standard input
  sed -n 's/.*"'"$1"'": *"\{0,1\}\([^",}]*\)"\{0,1\}[,}].*/\1/p'
}
fedl() {
  "$BIN/fedl" --home "$box/server" "$@"
}

# A port that was free a moment ago, and that no outgoing connection gets. Tests run side by side.
free_port() {
  "$TOOLS/free_port"
}

make_data() { # ROWS: a data set that can be learnt
  "$TOOLS/make_shapes" "$box/images" "$box/labels" "$1" 1
  "$TOOLS/make_shapes" "$box/test-images" "$box/test-labels" 400 2
}

init_server() {
  port=$(free_port)
  url=tcp://127.0.0.1:$port
  "$BIN/fedl-server" init --home "$box/server" --listen "$url" >"$box/init.log" 2>&1 || fail "server init"
}

# Starts the server and waits until it says that it is ready; false when it ended before.
start_server() {
  : >"$box/server.log.now"
  "$BIN/fedl-server" run --home "$box/server" >"$box/server.log.now" 2>&1 &
  server=$!
  if tail --pid="$server" -n +1 -f "$box/server.log.now" 2>/dev/null | grep -q -m 1 ready; then
    return 0
  fi
  wait "$server" 2>/dev/null || true
  return 1
}
keep_log() {
  cat "$box/server.log.now" >>"$box/server.log"
}
stop_server() { # SIGNAL
  kill "-$1" "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  keep_log
}

join_client() { # NUMBER
  token=$(fedl --json device add "d$1" | field token)
  "$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c$1" >>"$box/client$1.log" 2>&1 || fail "join of d$1"
}
start_client() { # NUMBER: uses the rows of that client in the partition
  "$BIN/fedl-client" run --home "$box/c$1" --images "$box/images" --labels "$box/labels" \
    --rows "$box/partition:$(($1 - 1))" >>"$box/client$1.log" 2>&1 &
  clients="$clients $!"
  eval "client$1=$!"
}

# The plan with the data's paths, so that the simulator reads the same.
make_plan() { # sed-script
  sed -e "s/^\(clients\|clients_max\|min_reports\|select\|pool\)\( *\)= 4/\1\2= $devices/" \
    -e "s/^mode .*/mode = $mode/" -e "$1" "$SOURCE/tests/e2e/shapes.ini" >"$box/plan.ini"
  sed -i "s|@BOX@|$box|g" "$box/plan.ini"
  "$BIN/fedl-sim" partition "$box/plan.ini" --out "$box/partition" >"$box/partition.log" 2>&1 || fail "partition"
}

sql() {
  sqlite3 -readonly "$box/server/fedl.db" "$1"
}
# Every invariant that the database can show after a run of $1 rounds with $2 devices.
check_database() {
  # A round whose three attempts all died with the server is burnt: it makes no version.
  burnt=$(sql 'SELECT count(*) FROM round WHERE state = 5')
  [ "$(sql 'SELECT count(*) FROM model')" -eq "$(($1 + 1 - burnt))" ] || fail "versions: $(sql 'SELECT count(*) FROM model')"
  [ "$(sql 'SELECT max(version) FROM model')" -eq "$(($1 + 1 - burnt))" ] || fail "versions have gaps"
  [ "$(sql 'SELECT count(*) FROM model m WHERE version <> round + 1 - (SELECT count(*) FROM round r WHERE r.task_id = m.task_id
     AND r.state = 5 AND r.round <= m.round)')" -eq 0 ] || fail "a round made no version, or two"
  [ "$(sql 'SELECT count(*) FROM model a JOIN model b ON b.version = a.version + 1 WHERE b.parent_digest <> a.digest')" -eq 0 ] ||
    fail "the lineage is broken"
  [ "$(sql 'SELECT count(*) FROM round WHERE state = 3')" -eq "$(($1 - burnt))" ] || fail "committed rounds"
  # counted members of the committed attempt = reports in the sum: nobody twice, nobody forgotten
  [ "$(sql "SELECT count(*) FROM metric WHERE version > 1 AND report_count <> $2")" -eq 0 ] || fail "reports per round"
  [ "$(sql "SELECT count(*) FROM (SELECT task_id, round, count(*) AS n, count(DISTINCT device_id) AS d
     FROM member JOIN round USING (task_id, round, attempt)
     WHERE counted = 1 AND state = 3 GROUP BY task_id, round) WHERE n <> $2 OR d <> $2")" -eq 0 ] || fail "a device was counted twice"
  [ "$(sql 'PRAGMA integrity_check')" = ok ] || fail "integrity"
}
newest_digest() {
  sql 'SELECT lower(hex(digest)) FROM model ORDER BY version DESC LIMIT 1'
}
