#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fedl-server as a process: what can be wrong around it is refused with one line and its own exit code;
# signals end it cleanly; kill -9 at every point that needs no device leaves the state before or after.
. "${SOURCE:?}/tests/e2e/lib.sh"
poke=$TOOLS/admin_poke
plan=$SOURCE/examples/breast-cancer/plan.ini
home=$box/server

# expect CODE PART COMMAND…: ends with that code, and one line on standard error holds PART
expect() {
  wanted=$1
  part=$2
  shift 2
  code=0
  "$@" >"$box/out.log" 2>"$box/err.log" || code=$?
  [ "$code" -eq "$wanted" ] || fail "exit $code instead of $wanted: $*"
  grep -q -- "$part" "$box/err.log" || fail "'$part' is not in: $(cat "$box/err.log")"
  [ "$(wc -l <"$box/err.log")" -eq 1 ] || fail "more than one line: $(cat "$box/err.log")"
}
server_alive() {
  kill -0 "$server" 2>/dev/null
}

echo "- command line"
expect 2 "unknown command" "$BIN/fedl-server" fly
expect 2 "unknown option" "$BIN/fedl-server" run --bogus
expect 2 "unexpected argument" "$BIN/fedl-server" run "$home" extra
expect 2 "tcp://" "$BIN/fedl-server" init --home "$home" --listen http://x:1
expect 2 "log takes" "$BIN/fedl-server" run --home "$home" --log xml
expect 2 "crash point" env FEDL_CRASH=nowhere "$BIN/fedl-server" run --home "$home"
"$BIN/fedl-server" --help | grep -q "fedl-server init" || fail "help teaches nothing"
"$BIN/fedl-server" --version | grep -q '^fedl-server [0-9]' || fail "version"
[ ! -e "$home" ] || fail "a refused command made a folder"

echo "- init"
expect 4 "fedl-server init" "$BIN/fedl-server" run --home "$home"
init_server
[ "$(stat -c %a "$home")" = 700 ] || fail "the home is open to others"
[ "$(stat -c %a "$home/server.key")" = 600 ] || fail "the keys are open to others"
expect 5 "already" "$BIN/fedl-server" init --home "$home"
expect 6 "home DIR" "$BIN/fedl-server" init --home /proc/fedl
(
  ulimit -f 8 # the config fits, the database does not
  expect 7 "free space.*run init again" "$BIN/fedl-server" init --home "$box/tight"
)
"$BIN/fedl-server" init --home "$box/tight" >/dev/null || fail "init after space was freed"

echo "- config and keys"
cp "$home/fedl.ini" "$box/fedl.ini"
echo "speed = 9" >>"$home/fedl.ini"
expect 3 "fedl.ini:$(wc -l <"$home/fedl.ini"): unknown key" "$BIN/fedl-server" run --home "$home"
cp "$box/fedl.ini" "$home/fedl.ini"
chmod 644 "$home/server.key"
expect 11 "chmod 600" "$BIN/fedl-server" run --home "$home"
chmod 600 "$home/server.key"
cp "$home/server.key" "$box/server.key"
printf 'X' | dd of="$home/server.key" bs=1 seek=100 conv=notrunc 2>/dev/null
expect 11 "damaged" "$BIN/fedl-server" run --home "$home"
cp "$box/server.key" "$home/server.key"

echo "- database"
mv "$home/fedl.db" "$box/fedl.db"
head -c 5000 /dev/zero | tr '\0' 'x' >"$home/fedl.db"
expect 10 "not a fedl database.*restore a backup" "$BIN/fedl-server" run --home "$home"
: >"$home/fedl.db"
expect 10 "empty.*restore it from a backup" "$BIN/fedl-server" run --home "$home"
cp "$box/fedl.db" "$home/fedl.db"
dd if=/dev/zero of="$home/fedl.db" bs=1 seek=100 count=3000 conv=notrunc 2>/dev/null # its first tree
expect 10 "restore a backup" "$BIN/fedl-server" run --home "$home"
rm -f "$home/fedl.db" "$home/fedl.db-wal" "$home/fedl.db-shm"
mv "$box/fedl.db" "$home/fedl.db"

echo "- one address, one home, one server"
start_server || fail "the first start"
expect 9 "another fedl-server" "$BIN/fedl-server" run --home "$home"
"$BIN/fedl-server" init --home "$box/other" --listen "$url" >/dev/null
expect 8 "another program listens" "$BIN/fedl-server" run --home "$box/other"
server_alive || fail "the server did not outlive its neighbours"

echo "- admin socket"
[ "$(stat -c %a "$home/admin.sock")" = 600 ] || fail "the admin socket is open to others"
printf 'garbage\n' | "$poke" "$home/admin.sock" 1 | grep -q '"ok":false' || fail "garbage"
printf '{"cmd":"reboot"}\n' | "$poke" "$home/admin.sock" 1 | grep -q 'unknown command' || fail "unknown command"
head -c 300000 /dev/zero | tr '\0' 'a' | "$poke" "$home/admin.sock" 1 >/dev/null
[ "$(for _ in 1 2 3 4 5 6 7 8 9 10; do printf '{"cmd":"status"}\n'; done | "$poke" "$home/admin.sock" 10 | grep -c '"ok":true')" -eq 10 ] ||
  fail "ten requests on one connection"
{
  printf '{"cmd":"task.add","bytes":9}\n'
  printf 'not a plan'
} | "$poke" "$home/admin.sock" 1 | grep -q '"ok":false' || fail "a bad plan was taken"
server_alive || fail "the server did not outlive the admin socket"

echo "- signals"
fedl device add kitchen >/dev/null
fedl task add "$plan" >/dev/null
for signal in TERM INT; do
  kill -$signal "$server"
  code=0
  wait "$server" || code=$?
  [ "$code" -eq 0 ] || fail "SIG$signal: exit $code"
  [ ! -e "$home/admin.sock" ] || fail "SIG$signal leaves the socket"
  grep -q "stopping (SIG$signal)" "$box/server.log.now" || fail "SIG$signal is not in the log"
  keep_log
  start_server || fail "the start after SIG$signal"
  grep -q 'restored task 1' "$box/server.log.now" || fail "the task is not restored"
done

echo "- kill -9"
digest=$(fedl --json model show | field digest)
stop_server KILL
[ -e "$home/admin.sock" ] || fail "kill -9 removed the socket?"
start_server || fail "the start after kill -9"
[ "$(fedl --json model show | field digest)" = "$digest" ] || fail "another model after kill -9"
[ "$(fedl --json device list | field name)" = kitchen ] || fail "another device after kill -9"
stop_server TERM

echo "- names that look like ids"
start_server || fail "the start for names"
fedl device add 1 >/dev/null # device 2 is called "1", and kitchen has the id 1
expect 4 "the id of device 1 and the name of device 2" "$BIN/fedl" --home "$home" device revoke 1
[ "$(fedl --json device list | grep -c revoked)" -eq 0 ] || fail "a doubtful order revoked a device"
fedl device revoke id:2 >/dev/null || fail "revoke id:2"
fedl --json device list | grep revoked | grep -q '"device_id": *2' || fail "id:2 is another device"
stop_server TERM

echo "- crash points"
devices=2
tasks=1
crash() { # POINT DEVICES-MORE TASKS-MORE FEDL-COMMAND…
  point=$1
  devices=$((devices + $2))
  tasks=$((tasks + $3))
  shift 3
  FEDL_CRASH=$point start_server || fail "$point: the armed start"
  "$BIN/fedl" --home "$home" "$@" >/dev/null 2>"$box/err.log" && fail "$point: fedl got an answer"
  code=0
  wait "$server" || code=$?
  [ "$code" -eq 137 ] || fail "$point: the server ended with $code"
  start_server || fail "$point: the start afterwards"
  [ "$(fedl --json device list | wc -l)" -eq "$devices" ] || fail "$point: devices"
  [ "$(fedl --json task list | wc -l)" -eq "$tasks" ] || fail "$point: tasks"
  fedl audit verify >/dev/null || fail "$point: audit"
  stop_server TERM
}
crash device-add.before-store 0 0 device add d1
crash device-add.before-commit 0 0 device add d1
crash device-add.after-commit 1 0 device add d1
crash store.before-queue 0 0 device add d2
crash stored.before-step 1 0 device add d2
sed 's/^name *=.*/name = second/' "$plan" >"$box/second.ini"
crash task-add.before-store 0 0 task add "$box/second.ini"
crash task-add.before-commit 0 0 task add "$box/second.ini"
crash task-add.after-commit 0 1 task add "$box/second.ini"
crash task-state.before-commit 0 0 task pause second
crash task-state.after-commit 0 0 task pause second
start_server || fail "the start after the crash points"
[ "$(fedl --json task show second | field state)" = paused ] || fail "the pause was durable"
crash_refused=$(fedl task pause second 2>&1 || true)
echo "$crash_refused" | grep -q "not allowed" || fail "a second pause: $crash_refused"
stop_server TERM
FEDL_CRASH=start.after-restore start_server && fail "start.after-restore did not crash"
start_server || fail "the start after start.after-restore"
stop_server TERM

echo "- a device that was found lying"
left_out() {
  fedl --json device list | grep '"device_id": *1[,}]' | field left_out
}
start_server || fail "the start before the exclusion"
expect 4 "no task leaves the device out" "$BIN/fedl" --home "$home" device readmit kitchen
stop_server TERM
sqlite3 "$home/fedl.db" "INSERT INTO exclusion VALUES(1, 1)"
crash device-readmit.before-commit 0 0 device readmit kitchen
start_server || fail "the start with an exclusion"
[ "$(left_out)" = breast-cancer ] || fail "device list does not say who is left out: $(fedl --json device list)"
grep -q "1 device left out" "$box/server.log.now" || fail "the start does not tell who is left out"
stop_server TERM
crash device-readmit.after-commit 0 0 device readmit kitchen
start_server || fail "the start after it was readmitted"
[ -z "$(left_out)" ] || fail "readmitted and still left out"
stop_server TERM
[ "$(sql "SELECT count(*) FROM audit WHERE what = 'device-readmit'")" -eq 1 ] || fail "the audit log does not tell it"

echo "- full disk"
large=$SOURCE/examples/fashion-mnist/plan.ini # its first version takes 300 KB
: >"$box/server.log.now" # the "ready" of the start before must not be taken for this one's
(
  ulimit -f 200 # no file above 100 or 200 KB, by the shell
  exec "$BIN/fedl-server" run --home "$home" >"$box/server.log.now" 2>&1
) &
server=$!
tail --pid="$server" -n +1 -f "$box/server.log.now" 2>/dev/null | grep -q -m 1 ready || fail "the start with little room"
expect 4 "could not store" "$BIN/fedl" --home "$home" task add "$large"
grep -q "no space left.*free space" "$box/server.log.now" || fail "the log names no remedy: $(cat "$box/server.log.now")"
server_alive || fail "the server did not outlive the full disk"
fedl audit verify >/dev/null || fail "full disk: audit"
[ "$(fedl --json task list | wc -l)" -eq "$tasks" ] || fail "full disk: tasks"
stop_server TERM
start_server || fail "the start after the full disk"
fedl task add "$large" >/dev/null || fail "the task after the full disk"
[ "$(sql 'PRAGMA integrity_check')" = ok ] || fail "integrity after the full disk"
stop_server TERM

echo "- read-only folder"
if [ "$(id -u)" -ne 0 ]; then
  chmod -R a-w "$home"
  expect 6 "writable" "$BIN/fedl-server" run --home "$home"
  chmod -R u+w "$home"
elif unshare -m true 2>/dev/null && unshare -m mount --bind "$home" "$home" 2>/dev/null; then
  expect 6 "writable" unshare -m sh -c "mount --bind '$home' '$home' && mount -o remount,ro,bind '$home' && exec '$BIN/fedl-server' run --home '$home'"
else
  echo "  not tried: root may write everywhere, and this system allows no mounts"
fi
