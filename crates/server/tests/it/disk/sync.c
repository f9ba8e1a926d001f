/* Stands before the C library: while the file named by SYNC_FAILS_WHILE is there, nothing can be kept. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(void)
{
    const char *file = getenv("SYNC_FAILS_WHILE");
    return file && access(file, F_OK) == 0;
}

int fdatasync(int fd)
{
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_fsync, fd);
}
