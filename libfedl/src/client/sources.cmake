# SPDX-License-Identifier: Apache-2.0
list(APPEND FEDL_CLIENT_SOURCES
  client/client.c client/client_fetch.c client/client_group.c client/client_group_check.c client/client_group_io.c client/client_join.c
  client/client_link.c client/client_policy.c client/client_progress.c
  client/client_resume.c client/client_save.c client/client_session.c client/client_task.c client/client_train.c client/client_upload.c
  client/identity.c)
