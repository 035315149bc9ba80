# SPDX-License-Identifier: Apache-2.0
list(APPEND FEDL_CORE_SOURCES plan/plan_check.c plan/plan_codec.c plan/round_config.c)
