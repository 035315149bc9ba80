list(APPEND FEDL_CORE_SOURCES
  base/arena.c base/cursor.c base/fixed.c base/hex.c base/rng.c base/secret.c base/status.c)
