// A C program that uses the locks of the library, from its own threads. It prints "ok" if the
// sections exclude one another, and if deadlocks are found.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "librq.h"

enum { THREADS = 4, ROUNDS = 500, GOROUTINES = 3, ACQUIRED = 0, DEADLOCK = 1 };

static void fail(const char *what, int is, int want) {
	printf("%s: %d, want %d\n", what, is, want);
	exit(1);
}

static void expect(const char *what, int is, int want) {
	if (is != want)
		fail(what, is, want);
}

// adds holds the lock while it is outside of Go, in every other round.
static void *adds(void *unused) {
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 2) {
			expect("a section", rq_section(), ACQUIRED);
			continue;
		}
		expect("lock", rq_lock(0), ACQUIRED);
		if (i % 64 == 0)
			usleep(2000);
		rq_add();
		rq_unlock(0);
	}
	return NULL;
}

static pthread_barrier_t held;

struct two {
	int first, second, result;
};

// both locks one, and then the other.
static void *both(void *arg) {
	struct two *t = arg;
	expect("the first lock", rq_lock(t->first), ACQUIRED);
	pthread_barrier_wait(&held);
	t->result = rq_lock(t->second);
	if (t->result == ACQUIRED)
		rq_unlock(t->second);
	rq_unlock(t->first);
	return NULL;
}

int main(void) {
	pthread_t threads[THREADS];
	for (int i = 0; i < GOROUTINES; i++)
		rq_go(ROUNDS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, adds, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < GOROUTINES; i++)
		expect("a goroutine", rq_join(), ACQUIRED);
	expect("the count", rq_count(), (THREADS + GOROUTINES) * ROUNDS);

	for (int i = 0; i < 10; i++) {
		// Two threads of C.
		struct two a = {1, 2, -1}, b = {2, 1, -1};
		pthread_barrier_init(&held, NULL, 2);
		pthread_create(&threads[0], NULL, both, &a);
		pthread_create(&threads[1], NULL, both, &b);
		pthread_join(threads[0], NULL);
		pthread_join(threads[1], NULL);
		expect("the victims among two threads", a.result + b.result, DEADLOCK);

		// A thread of C and a goroutine.
		expect("lock", rq_lock(1), ACQUIRED);
		expect("what is held", rq_lock(1), DEADLOCK);
		rq_go_both(2, 1);
		int mine = rq_lock(2);
		if (mine == ACQUIRED)
			rq_unlock(2);
		rq_unlock(1);
		expect("the victims among a thread and a goroutine", mine + rq_join(), DEADLOCK);
	}
	printf("ok\n");
	return 0;
}
