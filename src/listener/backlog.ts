/**
 * How many connections may wait to be accepted; the system may allow fewer (`net.core.somaxconn`, on Linux 4,096 unless
 * set). Beyond it TCP has a client try again a second later, which is as long as a probe of the kubelet waits by default,
 * and a Unix socket refuses. Node's 511 are used up by a flood of connections, which are accepted one by one.
 */
export const backlog = 4_096
