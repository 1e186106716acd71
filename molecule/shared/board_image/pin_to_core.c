/* Keeps all processes of the board on one core of the host, and moves them together when that one is crowded.
 *
 * A board has one core, but the host sees a process for each process of the board. For each system call they hand over
 * to each other, and the host's scheduler likes to wake the other one on a core that is idle, which in a virtual machine
 * takes several times as long as staying.
 *
 * Runs beside the board in its container, whose /proc/stat is the host's and whose /proc has the board's processes.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { PERIOD_US = 200000, CORES = 1024 };
static const double CROWDED = 0.9, FREE = 0.6; /* shares of a period in which a core was busy */

struct use {
    unsigned long long busy, all;
};

/* What the host's cores did since it started, in ticks. */
static int look(struct use *uses)
{
    FILE *file = fopen("/proc/stat", "r");
    char line[512];

    if (!file)
        return -1;
    while (fgets(line, sizeof line, file)) {
        unsigned long long t[8] = {0};
        int core;

        if (sscanf(line, "cpu%d %llu %llu %llu %llu %llu %llu %llu %llu", &core, t, t + 1, t + 2, t + 3, t + 4, t + 5,
                   t + 6, t + 7) != 9 || core < 0 || core >= CORES)
            continue;
        /* Not idle (3), nor waiting for a disk (4). What runs under nice (1) makes way, so it crowds nobody. */
        uses[core].busy = t[0] + t[2] + t[5] + t[6] + t[7];
        uses[core].all = uses[core].busy + t[1] + t[3] + t[4];
    }
    fclose(file);
    return 0;
}

static double share(const struct use *before, const struct use *after)
{
    return after->all > before->all ? (double)(after->busy - before->busy) / (double)(after->all - before->all) : 0;
}

/* New processes inherit the core; the next period finds one that was born while the others moved. */
static void keep_on(int core)
{
    DIR *processes = opendir("/proc");
    struct dirent *entry;
    cpu_set_t wanted, found;

    if (!processes)
        return;
    CPU_ZERO(&wanted);
    CPU_SET(core, &wanted);
    while ((entry = readdir(processes))) {
        pid_t process = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

        /* One that has just ended is no error. */
        if (process > 0 && sched_getaffinity(process, sizeof found, &found) == 0 && !CPU_EQUAL(&found, &wanted))
            sched_setaffinity(process, sizeof wanted, &wanted);
    }
    closedir(processes);
}

int main(void)
{
    static struct use before[CORES], after[CORES];
    cpu_set_t allowed;
    unsigned seed;
    int mine = -1;

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2 || look(before) != 0)
        return 0;
    if (getrandom(&seed, sizeof seed, 0) == sizeof seed)
        srand(seed);
    for (;;) {
        int freest = -1;

        usleep(PERIOD_US);
        if (look(after) != 0)
            return 1;
        for (int core = 0; core < CORES; core++)
            if (CPU_ISSET(core, &allowed) &&
                (freest < 0 || share(before + core, after + core) < share(before + freest, after + freest)))
                freest = core;
        /* Of several boards on a crowded core not all may leave: each tosses a coin. */
        if (mine < 0 || (share(before + mine, after + mine) > CROWDED && share(before + freest, after + freest) < FREE &&
                         rand() % 2))
            mine = freest;
        keep_on(mine);
        memcpy(before, after, sizeof before);
    }
}
