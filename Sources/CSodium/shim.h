// The one function that Stint takes from libsodium itself, which libzmq's CURVE needs anyway: SHA-256, for the chain of
// the audit log.
#ifndef STINT_CSODIUM_SHIM_H
#define STINT_CSODIUM_SHIM_H

#include <sodium/crypto_hash_sha256.h>

#endif
