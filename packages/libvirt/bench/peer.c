/*
 * What a C program on libvirt's own library does, to be measured beside ours: one connection, one order a line on
 * standard input, one answer a line on standard output: how often, seconds of wall time, seconds of CPU time.
 *
 *   sequential CALL COUNT        one call after the other
 *   threads CALL COUNT THREADS   the same calls, so many threads on the one connection
 *   upload POOL VOLUME BYTES     of bytes in memory
 *   download POOL VOLUME BYTES   the bytes are looked at by nobody
 *
 * CALL: version, info (of the guest named on the command line), xml (of the same), list (all guests).
 */
#include <libvirt/libvirt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static virConnectPtr connection;
static virDomainPtr guest;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, virGetLastErrorMessage());
    exit(1);
}

static double wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static double cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void call(const char *which)
{
    if (strcmp(which, "version") == 0) {
        unsigned long version;
        if (virConnectGetLibVersion(connection, &version) < 0) fail(which);
    } else if (strcmp(which, "info") == 0) {
        virDomainInfo info;
        if (virDomainGetInfo(guest, &info) < 0) fail(which);
    } else if (strcmp(which, "xml") == 0) {
        char *xml = virDomainGetXMLDesc(guest, 0);
        if (xml == NULL) fail(which);
        free(xml);
    } else if (strcmp(which, "list") == 0) {
        virDomainPtr *all;
        int count = virConnectListAllDomains(connection, &all, 0);
        if (count < 0) fail(which);
        for (int i = 0; i < count; i++) virDomainFree(all[i]);
        free(all);
    } else {
        fprintf(stderr, "no such call: %s\n", which);
        exit(1);
    }
}

struct share {
    const char *which;
    int left;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *work(void *given)
{
    struct share *share = given;
    for (;;) {
        pthread_mutex_lock(&lock);
        int left = share->left--;
        pthread_mutex_unlock(&lock);
        if (left <= 0) return NULL;
        call(share->which);
    }
}

static void calls(const char *which, int count, int threads)
{
    struct share share = { which, count };
    pthread_t all[64];
    if (threads == 1) {
        for (int i = 0; i < count; i++) call(which);
        return;
    }
    for (int i = 0; i < threads; i++) pthread_create(&all[i], NULL, work, &share);
    for (int i = 0; i < threads; i++) pthread_join(all[i], NULL);
}

static char piece[1 << 20];

static void transfer(const char *direction, const char *poolName, const char *name, long long bytes)
{
    virStoragePoolPtr pool = virStoragePoolLookupByName(connection, poolName);
    if (pool == NULL) fail(poolName);
    virStorageVolPtr volume = virStorageVolLookupByName(pool, name);
    if (volume == NULL) fail(name);
    virStreamPtr stream = virStreamNew(connection, 0);
    if (strcmp(direction, "upload") == 0) {
        if (virStorageVolUpload(volume, stream, 0, bytes, 0) < 0) fail(direction);
        while (bytes > 0) {
            int sent = virStreamSend(stream, piece, bytes < (long long)sizeof piece ? (size_t)bytes : sizeof piece);
            if (sent < 0) fail("send");
            bytes -= sent;
        }
    } else {
        if (virStorageVolDownload(volume, stream, 0, bytes, 0) < 0) fail(direction);
        for (;;) {
            int got = virStreamRecv(stream, piece, sizeof piece);
            if (got < 0) fail("receive");
            if (got == 0) break;
        }
    }
    if (virStreamFinish(stream) < 0) fail("finish");
    virStreamFree(stream);
    virStorageVolFree(volume);
    virStoragePoolFree(pool);
}

int main(int count, char **given)
{
    char line[512];
    if (count < 2) return 2;
    connection = virConnectOpen(given[1]);
    if (connection == NULL) fail(given[1]);
    if (count > 2 && (guest = virDomainLookupByName(connection, given[2])) == NULL) fail(given[2]);
    while (fgets(line, sizeof line, stdin) != NULL) {
        char what[32] = "", first[128] = "", second[128] = "", third[32] = "";
        sscanf(line, "%31s %127s %127s %31s", what, first, second, third);
        double wallBefore = wall(), cpuBefore = cpu();
        if (strcmp(what, "sequential") == 0) calls(first, atoi(second), 1);
        else if (strcmp(what, "threads") == 0) calls(first, atoi(second), atoi(third));
        else transfer(what, first, second, atoll(third));
        printf("%.9f %.9f\n", wall() - wallBefore, cpu() - cpuBefore);
        fflush(stdout);
    }
    virConnectClose(connection);
    return 0;
}
