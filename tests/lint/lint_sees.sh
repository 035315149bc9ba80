#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Proves that the lint can see: each planted offence must be reported.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
box=$(mktemp -d)
trap 'rm -rf "$box"' EXIT
cd "$box"
git init -q .
mkdir -p scripts libfedl/src/base libfedl/src/nn server/coord tests/x
cp "$root/scripts/lint" scripts/lint
cp "$root/.clang-format" .

plant() { # file text
  printf '/* SPDX-License-Identifier: Apache-2.0 */\n%b\n' "$2" >"$1"
}
expect() { # words-in-the-finding
  out=$(scripts/lint 2>&1) && { echo "not seen: $1"; exit 1; }
  echo "$out" | grep -qF "$1" || { echo "wanted: $1"; echo "got: $out"; exit 1; }
  find libfedl server tests -type f -delete
}

scripts/lint | grep -q clean || { echo "an empty tree is not clean"; exit 1; }
printf 'int planted;\n' >libfedl/src/base/a.c
expect 'no SPDX line'
plant libfedl/src/base/a.c '#include "nn/layer.h"'
expect 'layer 0 includes "nn/layer.h" of layer 1'
plant libfedl/src/nn/a.c 'void *f(void)\n{\n    return malloc(3);\n}'
expect 'banned below the shells'
plant server/coord/a.c 'double x;'
expect 'no float below the shells'
plant server/coord/a.c '#include <sqlite3.h>'
expect 'allowed in: server/store'
plant libfedl/src/nn/a.c 'int   x;'
expect 'not formatted'
plant libfedl/src/nn/a.c 'int x;'
plant libfedl/src/base/a.c 'int x;'
expect 'stands more than once'
plant tests/x/a.c 'void f(void)\n{\n    usleep(3);\n}'
expect 'tests never sleep'
{ echo '/* SPDX-License-Identifier: Apache-2.0 */'; yes 'extern int x;' | head -n 400; } >libfedl/src/nn/a.c
expect 'more than 400 lines'
{ echo '/* SPDX-License-Identifier: Apache-2.0 */'; echo 'void f(void)'; echo '{'; yes '    x++;' | head -n 71; echo '}'; } >libfedl/src/nn/a.c
expect 'function of 71 lines'
echo "all offences seen"
