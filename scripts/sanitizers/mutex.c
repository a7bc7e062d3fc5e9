// Shows ThreadSanitizer what Swift's `Mutex` does when it is contended. Its fast path is compiled into whoever locks it, so
// its atomics are seen; its slow path (`_lockSlow`, `_unlockSlow`: a futex of the kernel) lies in libswiftSynchronization.so,
// which is not instrumented, and without this every Mutex that two threads really fight for looks like a race.
//
// scripts/sanitize builds this and has it loaded before all other libraries, where it stands in front of the two functions.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

// There in an instrumented program only; others load this, too.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

static SWIFT void (*real_lock)(uint32_t thread, SELF void *mutex);
static SWIFT void (*real_unlock)(SELF void *mutex);

#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

__attribute__((constructor)) static void find(void) {
    *(void **)&real_lock = dlsym(RTLD_NEXT, LOCK);
    *(void **)&real_unlock = dlsym(RTLD_NEXT, UNLOCK);
}

SWIFT void seen_lock(uint32_t thread, SELF void *mutex) __asm__(LOCK);
SWIFT void seen_unlock(SELF void *mutex) __asm__(UNLOCK);

SWIFT void seen_lock(uint32_t thread, SELF void *mutex) {
    real_lock(thread, mutex);
    if (__tsan_acquire) __tsan_acquire(mutex);
}

SWIFT void seen_unlock(SELF void *mutex) {
    if (__tsan_release) __tsan_release(mutex);
    real_unlock(mutex);
}
