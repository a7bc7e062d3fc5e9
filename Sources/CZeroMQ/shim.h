// What Swift sees of libzmq 4.3.4: the stable interface, and the few numbers that zmq.h hides unless
// drafts are switched on although the library understands them. Below, some calls of Linux that a process
// with sockets needs and that Swift's Glibc module does not show.
#ifndef STINT_CZEROMQ_SHIM_H
#define STINT_CZEROMQ_SHIM_H

#include <linux/filter.h>
#include <malloc.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

#if ZMQ_VERSION < ZMQ_MAKE_VERSION(4, 3, 3)
#error "Stint needs libzmq 4.3.3 or later (older ones have remote holes); install libzmq3-dev 4.3.4"
#endif

// Refuses every peer while no ZAP handler answers. Without it any key is accepted then.
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

// Names of message metadata. They are read from the body's frame, never from the routing id's, which loses
// them after any poll in 4.3.4.
#ifndef ZMQ_MSG_PROPERTY_USER_ID
#define ZMQ_MSG_PROPERTY_USER_ID "User-Id"
#endif
#ifndef ZMQ_MSG_PROPERTY_PEER_ADDRESS
#define ZMQ_MSG_PROPERTY_PEER_ADDRESS "Peer-Address"
#endif

// A counter that can be polled. Not blocking, and closed in child processes.
static inline int stint_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// Names the calling thread; the kernel keeps the first 15 bytes.
static inline void stint_name_this_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// The kernel's number of the calling thread, as /proc/self/task lists it.
static inline pid_t stint_thread_id(void) { return (pid_t)syscall(SYS_gettid); }

// Sets how many files another process of ours may have open.
static inline void stint_limit_open_files(pid_t process, rlim_t soft, rlim_t hard) {
    struct rlimit limit = {soft, hard};
    syscall(SYS_prlimit64, process, RLIMIT_NOFILE, &limit, (void *)0);
}

// Lets the kernel drop whatever comes in on this socket from now on: a filter that keeps nothing of any packet.
// 0, or -1 where there is no such thing.
static inline int stint_drop_input(int descriptor) {
    struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog program = {1, nothing};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

// Gives the system back what the C library keeps of memory that was freed.
static inline void stint_give_memory_back(void) { malloc_trim(0); }

#endif
