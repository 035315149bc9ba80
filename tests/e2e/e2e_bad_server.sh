#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts that can't work: each says in one line why and what to do, changes no byte of the home, and
# leaves a server that runs alone.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
make_data 200
make_plan 's/^rounds .*/rounds = 2/'

run_refused() { # HOME STATUS PATTERN…: the start fails; nothing in the home has changed
  home=$1
  wanted=$2
  shift 2
  before=$(cd "$home" && find . -type f ! -name '*-shm' ! -name '*-wal' -exec b2sum {} + | sort)
  refused_with "$wanted" "$@" -- "$BIN/fedl-server" run --home "$home"
  after=$(cd "$home" && find . -type f ! -name '*-shm' ! -name '*-wal' -exec b2sum {} + | sort)
  [ "$before" = "$after" ] || fail "a refused start changed the home ($last)"
  [ ! -S "$home/admin.sock" ] || fail "a refused start left an admin socket ($last)"
}
copy() { # a copy of the good home to damage
  rm -rf "$box/server-x"
  cp -a "$box/server" "$box/server-x"
}

# The command line and the home.
refused_with 2 'unknown command' 'help' -- "$BIN/fedl-server" start --home "$box/server"
refused_with 2 'unknown option' 'help' -- "$BIN/fedl-server" run --hom "$box/server" --nonsense
refused_with 2 'listen|URL' 'tcp://' -- "$BIN/fedl-server" init --home "$box/server" --listen udp://0.0.0.0:1
refused_with 2 'port' -- "$BIN/fedl-server" init --home "$box/server" --listen tcp://127.0.0.1:99999
refused_with 2 'tcp://' -- "$BIN/fedl-server" init --home "$box/server" --listen tls+tcp://127.0.0.1:99
[ ! -e "$box/server" ] || fail "a refused init left a home"
refused_with 4 'server-none' 'fedl-server init' -- "$BIN/fedl-server" run --home "$box/server-none"
[ ! -e "$box/server-none" ] || fail "a refused run made a home"
: >"$box/file"
refused 'file' '--home|folder' -- "$BIN/fedl-server" init --home "$box/file"
refused 'file' '--home|folder' -- "$BIN/fedl-server" init --home "$box/file/server"
refused '95 bytes|too long' '--home' -- "$BIN/fedl-server" init --home "$box/$(printf '%0120d' 0)"

init_server
b2sum "$box/server"/* >"$box/sums"
refused_with 5 'already' 'fedl-server run' -- "$BIN/fedl-server" init --home "$box/server" --listen "$url"
b2sum --quiet -c "$box/sums" || fail "init of an existing home changed it"

# While one runs: its port, its home.
start_server || fail "the server did not start"
new_token kept
refused_with 9 'another|other' 'stop' -- "$BIN/fedl-server" run --home "$box/server" --listen "tcp://127.0.0.1:$(free_port)"
fedl status >/dev/null || fail "a second server on the home disturbed the first"
refused_with 9 'another|other' 'stop' -- "$BIN/fedl-server" run --home "$box/server"
fedl status >/dev/null || fail "a second server on the home disturbed the first"
"$BIN/fedl-server" init --home "$box/server2" --listen "$url" >"$box/init.log" 2>&1 || fail "the second home"
run_refused "$box/server2" 8 "$port" 'in use' '--listen|stop'
fedl status >/dev/null || fail "a server on the same port disturbed the first"

# The ends: asked to, the server is clean; killed, it leaves a socket that is in nobody's way.
for signal in TERM INT; do
  kill -$signal "$server"
  code=0
  wait "$server" || code=$?
  [ "$code" -eq 0 ] || fail "SIG$signal ended the server with $code"
  [ ! -e "$box/server/admin.sock" ] || fail "SIG$signal left the admin socket"
  keep_log
  start_server || fail "the start after SIG$signal"
done
stop_server KILL
[ -S "$box/server/admin.sock" ] || fail "kill -9 left no socket: this test tests nothing"
start_server || fail "a stale admin socket blocks the start"
fedl --json device list | grep -q '"kept"' || fail "the device was lost"
stop_server TERM

# The config file.
bad_config() { # LINE PATTERN…: a line more at the end of fedl.ini
  copy
  echo "$1" >>"$box/server-x/fedl.ini"
  at=$(wc -l <"$box/server-x/fedl.ini")
  shift
  run_refused "$box/server-x" 3 "fedl.ini:$at:" "$@"
}
bad_config 'device_max = 5' device_max 'unknown key' 'docs/server.md'
bad_config 'tasks_max = 100' tasks_max 'twice|1 to 64'
bad_config '[limit]
x = 1' 'limit' 'unknown section'
bad_config 'sessions_max = 1' sessions_max '4 to 200000'
bad_config 'requests_max = lots' requests_max 'whole number' lots
bad_config 'nonsense' 'key = value'
bad_config "poll_ms_max = $(printf '%0300d' 1)" long
copy
rm "$box/server-x/fedl.ini"
run_refused "$box/server-x" 3 'fedl.ini' 'missing' 'init|restore'

# Keys.
copy
chmod 644 "$box/server-x/server.key"
run_refused "$box/server-x" 11 'server.key' 'chmod 600'
copy
truncate -s 100 "$box/server-x/server.key"
run_refused "$box/server-x" 11 'server.key' 'backup'
copy
printf 'X' | dd of="$box/server-x/server.key" bs=1 seek=40 conv=notrunc 2>/dev/null
run_refused "$box/server-x" 11 'server.key' 'damaged' 'backup'
copy
rm "$box/server-x/server.key"
run_refused "$box/server-x" 4 'server.key' 'init|restore'

# The database.
copy
head -c 8192 /dev/urandom >"$box/server-x/fedl.db"
run_refused "$box/server-x" 10 'fedl.db' 'not a|damaged'
copy
truncate -s 5000 "$box/server-x/fedl.db"
run_refused "$box/server-x" 10 'fedl.db' 'backup'
copy
dd if=/dev/urandom of="$box/server-x/fedl.db" bs=4096 seek=1 count=3 conv=notrunc 2>/dev/null
run_refused "$box/server-x" 10 'fedl.db' 'backup'
copy
sqlite3 "$box/server-x/fedl.db" 'PRAGMA user_version = 999' >/dev/null
run_refused "$box/server-x" 10 'fedl.db' 'newer'
copy
sqlite3 "$box/server-x/fedl.db" 'PRAGMA application_id = 12345' >/dev/null
run_refused "$box/server-x" 10 'fedl.db' 'not a fedl database'
# The keys without the database: a new, empty one would forget every device, so nothing is made up.
copy
rm "$box/server-x"/fedl.db*
run_refused "$box/server-x" 10 'fedl.db' 'missing|not found|no such' 'backup|restore'

start_server || fail "the good home does not start"
good_run 2
no_secret
