/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * greffon-systemd: speaks to systemd for greffon, which is static and so has no libsystemd. Started
 * by greffon with the socket of systemd/wire.h as standard input; of no use to anybody else.
 *   greffon-systemd system|user
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "systemd/bus.h"

#define HELPER_SOCKET 0

static void helper_answer(struct arena *a, int r, const char *cgroup, const char *dropped,
			  const struct err *e)
{
	struct wire_message m = {
		.verb = r < 0 ? WIRE_FAILED : WIRE_DONE,
		.unit = dropped,
		.text = r < 0 ? e->text : cgroup,
		.number = r < 0 ? (uint64_t)e->code : 0,
	};

	/* without a listener there is nothing left to do, which the next read tells */
	(void)wire_send(HELPER_SOCKET, &m, a);
}

static void helper_serve(struct bus *b, const struct wire_message *m, struct arena *a)
{
	struct err e = {0};
	const char *cgroup = "", *dropped = "";
	int r = -EPROTO;

	switch (m->verb) {
	case WIRE_START:
		r = bus_start(b, m, &cgroup, &dropped, &e);
		break;
	case WIRE_SET:
		r = bus_set(b, m, &dropped, &e);
		break;
	case WIRE_ATTACH:
		r = bus_attach(b, m, &e);
		break;
	case WIRE_STOP:
		r = bus_stop(b, m, &e);
		break;
	case WIRE_DONE:
	case WIRE_FAILED:
		r = err_set(&e, EPROTO, "greffon-systemd: an answer where a request belongs");
		break;
	}
	helper_answer(a, r, cgroup, dropped, &e);
}

int main(int argc, char **argv)
{
	struct arena a = {0};
	struct bus b = {0};
	struct err e = {0};
	int type;
	socklen_t len = sizeof(type);
	bool user = argc == 2 && strcmp(argv[1], "user") == 0;

	if ((!user && (argc != 2 || strcmp(argv[1], "system") != 0)) ||
	    getsockopt(HELPER_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
		(void)fputs("greffon-systemd: started by greffon, not by hand\n", stderr);
		return 1;
	}
	/* The scope would keep a process that outlived a runtime that was killed; and what a
	 * terminal sends to all is the runtime's to decide about. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	int open = bus_open(&b, user, &a, &e);
	for (;;) {
		struct wire_message m;

		/* end of file: the runtime needs us no more, or is gone */
		if (wire_receive(HELPER_SOCKET, -1, &m, &a) < 0)
			break;
		if (open < 0)
			helper_answer(&a, open, "", "", &e);
		else
			helper_serve(&b, &m, &a);
	}
	/* no orderly goodbye: the manager forgets a connection that closes */
	return 0;
}
