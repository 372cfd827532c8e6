/* Preloaded by scripts/kill_trials: counts the moments before, in the middle of and after every write, and before and
   after every fsync and rename, under the watched folders; the process kills itself at the moment it was told. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char folders[2][4096];
static long fatal;
static atomic_long moments;

void kill_at(const char *first, const char *second, long moment) {
    strncpy(folders[0], first, sizeof folders[0] - 1);
    strncpy(folders[1], second, sizeof folders[1] - 1);
    fatal = moment;
    moments = 0;
}

long count_moments(void) { return moments; }

static void die(void) {
    kill(getpid(), SIGKILL);
    pause();
}

static int due(void) { return atomic_fetch_add(&moments, 1) + 1 == fatal; }

static int watched(const char *path) {
    for (int number = 0; number < 2; number++)
        if (folders[number][0] && !strncmp(path, folders[number], strlen(folders[number]))) return 1;
    return 0;
}

static int watched_file(int fd) {
    char link[64], path[4096];
    if (!folders[0][0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return watched(path);
}

#define REAL(name) __typeof__(name) *real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    if (!watched_file(fd)) return real(fd, data, size);
    if (due()) die();
    if (due()) {
        (void)!real(fd, data, size / 2);
        die();
    }
    ssize_t result = real(fd, data, size);
    if (due()) die();
    return result;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t place) {
    REAL(pwrite64);
    if (!watched_file(fd)) return real(fd, data, size, place);
    if (due()) die();
    if (due()) {
        (void)!real(fd, data, size / 2, place);
        die();
    }
    ssize_t result = real(fd, data, size, place);
    if (due()) die();
    return result;
}

int fsync(int fd) {
    REAL(fsync);
    if (!watched_file(fd)) return real(fd);
    if (due()) die();
    int result = real(fd);
    if (due()) die();
    return result;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (!watched(to)) return real(from, to);
    if (due()) die();
    int result = real(from, to);
    if (due()) die();
    return result;
}
