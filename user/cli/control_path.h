/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What daemon and client agree on within runtime_dir. */
#ifndef CLI_CONTROL_PATH_H
#define CLI_CONTROL_PATH_H

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CONTROL_SOCKET "control.sock"
#define CONTROL_PID "kstatsd.pid"

/* The socket in the open directory `dir_fd`, however long that directory's path is. */
static inline void control_address(int dir_fd, struct sockaddr_un *address)
{
	address->sun_family = AF_UNIX;
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" CONTROL_SOCKET, dir_fd);
}

#endif /* CLI_CONTROL_PATH_H */
