/* Loaded before libc (LD_PRELOAD): counts what a process changes below a folder, and makes one of these calls go wrong.

   A call is counted before it is made: making, writing, renaming, linking, removing, shortening a file or a folder,
   and bringing it to the disk. At the chosen call the process is killed, or finds the disk full from then on, or meets
   one error. With `power`, what was written and never brought to the disk (fsync) is lost at the kill, as after a power
   cut; with `lazy`, fsync does nothing, which is how a protection is taken away. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, FULL, FAIL };
#define MOST 4096
static char folder[MOST];
static int mode, power, lazy;
static long at, count;
static char below[MOST];                                    /* by descriptor: is its file below the folder? */
static struct { dev_t dev; ino_t ino; int own; } dirty[MOST]; /* files written and not yet on the disk */
static int dirties;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void faults_arm(const char *place, int what, long when, int cut, int slack) {
    strncpy(folder, place, MOST - 1);
    mode = what; at = when; power = cut; lazy = slack; count = 0;
}
long faults_count(void) { return count; }

static int inside(const char *path) {
    size_t length = strlen(folder);
    return length && path && !strncmp(path, folder, length);
}
static int ours(int fd) { return fd >= 0 && fd < MOST && below[fd]; }

static void die(void) {
    for (int i = 0; power && i < dirties; i++)
        if (dirty[i].own >= 0) REAL(ftruncate)(dirty[i].own, 0);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}
/* Counts a call; gives the error that it shall meet, 0 for none. */
static int met(int makes_room) {
    pthread_mutex_lock(&lock);
    long number = ++count;
    if (mode == KILL && number == at) die();
    pthread_mutex_unlock(&lock);
    if (mode == FULL && at && number >= at && !makes_room) return ENOSPC;
    return mode == FAIL && number == at ? EIO : 0;
}
static void written(int fd) {
    struct stat found;
    if (fstat(fd, &found) || !S_ISREG(found.st_mode)) return;
    pthread_mutex_lock(&lock);
    int known = 0;
    for (int i = 0; i < dirties; i++)
        known |= dirty[i].own >= 0 && dirty[i].dev == found.st_dev && dirty[i].ino == found.st_ino;
    if (!known && dirties < MOST) {
        dirty[dirties].dev = found.st_dev; dirty[dirties].ino = found.st_ino;
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 1000);
        if (own < 0) abort();
        dirty[dirties++].own = own;
    }
    pthread_mutex_unlock(&lock);
}
static void settled(int fd) {
    struct stat found;
    if (fstat(fd, &found)) return;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < dirties; i++)
        if (dirty[i].own >= 0 && dirty[i].dev == found.st_dev && dirty[i].ino == found.st_ino) {
            close(dirty[i].own);
            dirty[i].own = -1;
        }
    pthread_mutex_unlock(&lock);
}

#define REFUSE(room) do { int wrong = met(room); if (wrong) { errno = wrong; return -1; } } while (0)
#define OPENING(name, head, values, path, flags) \
    int name head { \
        mode_t bits = 0; \
        if (flags & O_CREAT) { va_list rest; va_start(rest, flags); bits = va_arg(rest, mode_t); va_end(rest); } \
        if (inside(path) && (flags & (O_CREAT | O_TRUNC))) REFUSE(0); \
        int fd = REAL(name) values; \
        if (fd >= 0 && fd < MOST) below[fd] = inside(path); \
        return fd; \
    }
OPENING(open, (const char *path, int flags, ...), (path, flags, bits), path, flags)
OPENING(open64, (const char *path, int flags, ...), (path, flags, bits), path, flags)
OPENING(openat, (int base, const char *path, int flags, ...), (base, path, flags, bits), path, flags)
OPENING(openat64, (int base, const char *path, int flags, ...), (base, path, flags, bits), path, flags)

#define WRITING(kind, name, head, values) \
    kind name head { \
        if (!ours(fd)) return REAL(name) values; \
        REFUSE(0); \
        kind done = REAL(name) values; \
        written(fd); \
        return done; \
    }
WRITING(ssize_t, write, (int fd, const void *from, size_t size), (fd, from, size))
WRITING(ssize_t, pwrite, (int fd, const void *from, size_t size, off_t off), (fd, from, size, off))
WRITING(ssize_t, pwrite64, (int fd, const void *from, size_t size, off64_t off), (fd, from, size, off))
WRITING(ssize_t, writev, (int fd, const struct iovec *from, int parts), (fd, from, parts))
WRITING(int, ftruncate, (int fd, off_t size), (fd, size))
WRITING(int, ftruncate64, (int fd, off64_t size), (fd, size))

#define SETTLING(name) \
    int name(int fd) { \
        if (!ours(fd)) return REAL(name)(fd); \
        REFUSE(0); \
        if (lazy) return 0; \
        settled(fd); \
        return REAL(name)(fd); \
    }
SETTLING(fsync)
SETTLING(fdatasync)

#define NAMING(name, head, values, path, room) \
    int name head { \
        if (inside(path)) REFUSE(room); \
        return REAL(name) values; \
    }
NAMING(rename, (const char *from, const char *to), (from, to), to, 0)
NAMING(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), to, 0)
NAMING(renameat2, (int a, const char *from, int b, const char *to, unsigned f), (a, from, b, to, f), to, 0)
NAMING(link, (const char *from, const char *to), (from, to), to, 0)
NAMING(linkat, (int a, const char *from, int b, const char *to, int f), (a, from, b, to, f), to, 0)
NAMING(mkdir, (const char *path, mode_t bits), (path, bits), path, 0)
NAMING(mkdirat, (int a, const char *path, mode_t bits), (a, path, bits), path, 0)
NAMING(unlink, (const char *path), (path), path, 1)
NAMING(unlinkat, (int a, const char *path, int f), (a, path, f), path, 1)
NAMING(rmdir, (const char *path), (path), path, 1)
