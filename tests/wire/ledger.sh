#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The ledger of field numbers in proto/README.md says what fedl.proto says, "next free" included.
#   ledger.sh PROTO-FOLDER
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^message / { name = $2; last = 0; next }
     /^}/ { if (name != "") print name, "next", last + 1; name = "" }
     name != "" && / = [0-9]+;/ { sub(/;.*/, ""); print name, $4, $2; last = $4 }' \
  "$1/fedl/v1/fedl.proto" | sort >"$work/proto"
awk -F ' *[|] *' '/^[|] [A-Z]/ {
       for (i = 4; i <= 10; i++) if ($i != "") print $2, i - 3, $i
       print $2, "next", $11 }' "$1/README.md" | sort >"$work/ledger"
[ -s "$work/proto" ] && diff "$work/proto" "$work/ledger"
