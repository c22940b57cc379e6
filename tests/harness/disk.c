/* Preloaded into a process whose disk is to be slow or full, or that is to die in the middle of writing.
 * The file named by DISK_FAULT says which, one word and one number, and is read at every call:
 *
 *   slow N   fsync and fdatasync take N milliseconds longer
 *   full 0   nothing that would make a file longer is written: ENOSPC
 *   forget 0 fsync and fdatasync note how long the file is, a line "LENGTH PATH" in DISK_FAULT.synced: what
 *            lies behind that is not on the disk yet, and whoever kills the process cuts it off
 *   die N    the Nth write from now on to a file whose name ends in DISK_FAULT_FILE kills the process
 *
 * Writes over what a file already holds go through when the disk is full, as they do on a real one. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int fault(const char *wanted, long *number) {
    const char *name = getenv("DISK_FAULT");
    char text[64] = "", word[16] = "";
    if (name == NULL) return 0;
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0) return 0;
    text[length] = 0;
    return sscanf(text, "%15s %ld", word, number) == 2 && strcmp(word, wanted) == 0;
}

static void note(int fd, off_t length) {
    char link[64], path[4096], name[4096 + 16], line[4096 + 32];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t end = readlink(link, path, sizeof path - 1);
    if (end < 0) return;
    path[end] = 0;
    snprintf(name, sizeof name, "%s.synced", getenv("DISK_FAULT"));
    int notes = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (notes < 0) return;
    int bytes = snprintf(line, sizeof line, "%lld %s\n", (long long)length, path);
    if (write(notes, line, bytes) != bytes) abort();
    close(notes);
}

static int sync_with(const char *name, int fd) {
    long milliseconds = 0, unused = 0;
    struct stat file;
    int (*next)(int) = dlsym(RTLD_NEXT, name);
    if (fault("slow", &milliseconds)) usleep(milliseconds * 1000);
    int forgets = fault("forget", &unused) && fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
    int outcome = next(fd);
    if (forgets && outcome == 0) note(fd, file.st_size);
    return outcome;
}

int fsync(int fd) { return sync_with("fsync", fd); }
int fdatasync(int fd) { return sync_with("fdatasync", fd); }

static void maybe_die(int fd) {
    static long writes = 0;
    const char *ending = getenv("DISK_FAULT_FILE");
    char link[64], name[4096];
    long at = 0;
    if (ending == NULL || !fault("die", &at)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name);
    size_t tail = strlen(ending);
    if (length < (ssize_t)tail || memcmp(name + length - tail, ending, tail) != 0) return;
    if (__sync_add_and_fetch(&writes, 1) == at) kill(getpid(), SIGKILL);
}

static int is_full(int fd, off_t end) {
    struct stat file;
    long unused = 0;
    if (!fault("full", &unused) || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return 0;
    if (end <= file.st_size) return 0;
    errno = ENOSPC;
    return 1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    ssize_t (*next)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, "pwrite64");
    maybe_die(fd);
    return is_full(fd, at + (off_t)count) ? -1 : next(fd, bytes, count, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t at) {
    ssize_t (*next)(int, const struct iovec *, int, off_t) = dlsym(RTLD_NEXT, "pwritev64");
    off_t end = at;
    for (int part = 0; part < count; part++) end += parts[part].iov_len;
    return is_full(fd, end) ? -1 : next(fd, parts, count, at);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

int posix_fallocate64(int fd, off_t at, off_t length) {
    int (*next)(int, off_t, off_t) = dlsym(RTLD_NEXT, "posix_fallocate64");
    return is_full(fd, at + length) ? ENOSPC : next(fd, at, length);
}
int posix_fallocate(int fd, off_t at, off_t length) { return posix_fallocate64(fd, at, length); }
