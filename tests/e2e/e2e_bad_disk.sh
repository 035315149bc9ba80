#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A full disk and a folder that can't be written to: the server says it, loses nothing, and the rounds
# go on by themselves when there is space again. Needs a small file system of its own.
. "${SOURCE:?}/tests/e2e/lib.sh"
. "$SOURCE/tests/e2e/bad.sh"
mkdir "$box/server"
mount -t tmpfs -o size=3m fedl-e2e "$box/server" 2>/dev/null || skip "mounting a small file system is not permitted here"
unmount() {
  code=$?
  # shellcheck disable=SC2086
  kill -9 $server $clients 2>/dev/null || true
  wait 2>/dev/null || true
  umount -l "$box/server"
  (exit "$code")
  cleanup
}
trap unmount EXIT
fill() {
  ! cat /dev/zero >"$box/server/filler" 2>/dev/null || fail "the disk does not fill up"
}
make_data 200
make_plan 's/^rounds .*/rounds = 8/'

# Init: says so, and leaves nothing half made that a second try would trip over.
port=$(free_port)
url=tcp://127.0.0.1:$port
fill
refused_with 7 'full|space' 'free space' -- "$BIN/fedl-server" init --home "$box/server" --listen "$url"
rm "$box/server/filler"
"$BIN/fedl-server" init --home "$box/server" --listen "$url" >"$box/init.log" 2>"$box/err" || fail "init after space was freed: $(cat "$box/err")"

start_server || fail "the server did not start"
for i in 1 2 3 4; do
  new_token "d$i"
  "$BIN/fedl-client" join "$url" --token "$token" --allow-plain --home "$box/c$i" >>"$box/client$i.log" 2>&1 || fail "join of d$i"
done

# What the operator asks for is refused while the disk is full, and leaves no trace.
fill
refused_with 4 'full|space' 'free' -- "$BIN/fedl" --home "$box/server" task add "$box/plan.ini"
[ -z "$(fedl --json task list)" ] || fail "a task that could not be stored is there"
refused_with 4 'full|space' 'free' -- "$BIN/fedl" --home "$box/server" device add late
fedl --json device list >"$box/out"
! grep -q '"late"' "$box/out" || fail "a device that could not be stored is there"
rm "$box/server/filler"

# Full in the middle of the rounds. The first round is waited for, then there is no space until the
# server has failed to store something.
for i in 1 2 3 4; do
  start_client $i
done
fedl task add "$box/plan.ini" >/dev/null 2>"$box/err" || fail "task add after space was freed: $(cat "$box/err")"
fedl --json task watch 2>/dev/null | grep -q -m 1 '"event": *"round"' || fail "no round"
fill
wait_line "$box/server.log.now" 'store.failed\|could not store' "$server"
grep -e 'store.failed' -e 'could not store' "$box/server.log.now" | head -n 1 >"$box/err"
grep -q -i 'space' "$box/err" || fail "the log does not say that the disk is full: $(cat "$box/err")"
fedl --json status >/dev/null || fail "the server does not answer while the disk is full"
rm "$box/server/filler"
good_end 8
stop_server TERM

# Full at a restart, and read-only.
"$BIN/fedl" --version >/dev/null
mount -o remount,ro "$box/server" || fail "remount"
refused_with 6 'writ|read-only' 'writable' -- "$BIN/fedl-server" run --home "$box/server"
mount -o remount,rw "$box/server" || fail "remount"
start_server || fail "the start after the folder was writable again"
[ "$(fedl --json model list | wc -l)" -eq 9 ] || fail "versions were lost"
no_secret
