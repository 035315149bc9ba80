/* SPDX-License-Identifier: Apache-2.0 */
#include "fault_vfs.h"

#include "cmocka_all.h"

#include <sqlite3.h>
#include <string.h>

typedef struct shim_file {
    sqlite3_file base;
    sqlite3_file *real; /* lies behind this struct */
} shim_file;

static sqlite3_vfs shim;
static sqlite3_vfs *system_vfs;
static uint32_t calls_left;
static int fault_code;
static bool fault_sticky;
static bool fault_fired;

static int fault(void)
{
    if (calls_left == 0) {
        return SQLITE_OK;
    }
    if (calls_left > 1) {
        calls_left--;
        return SQLITE_OK;
    }
    fault_fired = true;
    if (!fault_sticky) {
        calls_left = 0;
    }
    return fault_code;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((shim_file *)file)->real;
}

#define FORWARD(file, call, ...) real_of(file)->pMethods->call(real_of(file), __VA_ARGS__)

static int shim_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int shim_read(sqlite3_file *file, void *out, int size, sqlite3_int64 offset)
{
    return FORWARD(file, xRead, out, size, offset);
}

static int shim_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    int code = fault();
    return code != SQLITE_OK ? code : FORWARD(file, xWrite, data, size, offset);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    int code = fault();
    return code != SQLITE_OK ? code : FORWARD(file, xTruncate, size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
    int code = fault();
    return code != SQLITE_OK ? code : FORWARD(file, xSync, flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return FORWARD(file, xFileSize, size);
}

static int shim_lock(sqlite3_file *file, int level)
{
    return FORWARD(file, xLock, level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
    return FORWARD(file, xUnlock, level);
}

static int shim_reserved(sqlite3_file *file, int *reserved)
{
    return FORWARD(file, xCheckReservedLock, reserved);
}

static int shim_control(sqlite3_file *file, int op, void *argument)
{
    return FORWARD(file, xFileControl, op, argument);
}

static int shim_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    return FORWARD(file, xShmMap, region, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    return FORWARD(file, xShmLock, offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
    return FORWARD(file, xShmUnmap, remove);
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_device,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    shim_file *made = (shim_file *)file;
    (void)vfs;
    made->real = (sqlite3_file *)(void *)(made + 1);
    memset(made->real, 0, (size_t)system_vfs->szOsFile);
    int code = system_vfs->xOpen(system_vfs, name, made->real, flags, out);
    made->base.pMethods = made->real->pMethods != NULL ? &shim_methods : NULL;
    return code;
}

void fault_vfs_install(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    assert_non_null(system_vfs);
    shim = *system_vfs;
    shim.zName = "fault";
    shim.szOsFile = (int)sizeof(shim_file) + system_vfs->szOsFile;
    shim.xOpen = shim_open;
    assert_int_equal(sqlite3_vfs_register(&shim, 1), SQLITE_OK);
}

void fault_vfs_arm(uint32_t n, int code, bool sticky)
{
    calls_left = n;
    fault_code = code;
    fault_sticky = sticky;
    fault_fired = false;
}

bool fault_vfs_fired(void)
{
    return fault_fired;
}
