/* The functions of NaCl that a libzmq with CURVE calls, each handed on to nacl.rs.
 *
 * They are C because of their names: a Rust function of such a name would be exported by the
 * extension module, where another libzmq of the process might find it. These are hidden.
 */

#include <stdio.h>
#include <stdlib.h>

#define HIDDEN __attribute__ ((visibility ("hidden")))

typedef unsigned long long length;
typedef unsigned char byte;

/* What nacl.rs gives, in the order of its struct `Ciphers`. */
struct ciphers
{
    int (*random) (byte *out, length count);
    int (*public_key) (byte *public_key, const byte *secret_key);
    int (*shared_key) (byte *key, const byte *public_key, const byte *secret_key);
    int (*seal) (byte *box, const byte *padded, length count, const byte *nonce, const byte *key);
    int (*open) (byte *padded, const byte *box, length count, const byte *nonce, const byte *key);
    void (*forget) (byte *secret, length count);
};

static struct ciphers ciphers;

/* Called once, before the first socket that encrypts is made. */
HIDDEN void ipyrust_nacl_install (const struct ciphers *given)
{
    ciphers = *given;
}

/* Each context calls it, whether anything will be encrypted or not. */
HIDDEN int sodium_init (void)
{
    return 0;
}

HIDDEN int randombytes_close (void)
{
    return 0;
}

/* It has no result to report failure by: without randomness there is no going on. Every handshake
 * begins with it, so the check for functions that were never installed is here alone. */
HIDDEN void randombytes (byte *out, length count)
{
    if (!ciphers.random || ciphers.random (out, count) != 0) {
        fputs ("[ipyrust] no random numbers to encrypt with\n", stderr);
        abort ();
    }
}

HIDDEN int crypto_scalarmult_base (byte *public_key, const byte *secret_key)
{
    return ciphers.public_key == NULL ? -1 : ciphers.public_key (public_key, secret_key);
}

HIDDEN int crypto_box_keypair (byte *public_key, byte *secret_key)
{
    randombytes (secret_key, 32);
    return ciphers.public_key (public_key, secret_key);
}

HIDDEN int crypto_box_beforenm (byte *key, const byte *public_key, const byte *secret_key)
{
    return ciphers.shared_key (key, public_key, secret_key);
}

HIDDEN int crypto_box_afternm (byte *box, const byte *padded, length count, const byte *nonce, const byte *key)
{
    return ciphers.seal (box, padded, count, nonce, key);
}

HIDDEN int crypto_box_open_afternm (byte *padded, const byte *box, length count, const byte *nonce, const byte *key)
{
    return ciphers.open (padded, box, count, nonce, key);
}

HIDDEN int crypto_secretbox (byte *box, const byte *padded, length count, const byte *nonce, const byte *key)
{
    return ciphers.seal (box, padded, count, nonce, key);
}

HIDDEN int crypto_secretbox_open (byte *padded, const byte *box, length count, const byte *nonce, const byte *key)
{
    return ciphers.open (padded, box, count, nonce, key);
}

HIDDEN int crypto_box (byte *box, const byte *padded, length count, const byte *nonce,
                       const byte *public_key, const byte *secret_key)
{
    byte key[32];
    int failed = ciphers.shared_key (key, public_key, secret_key);
    if (!failed)
        failed = ciphers.seal (box, padded, count, nonce, key);
    ciphers.forget (key, sizeof key);
    return failed;
}

HIDDEN int crypto_box_open (byte *padded, const byte *box, length count, const byte *nonce,
                            const byte *public_key, const byte *secret_key)
{
    byte key[32];
    int failed = ciphers.shared_key (key, public_key, secret_key);
    if (!failed)
        failed = ciphers.open (padded, box, count, nonce, key);
    ciphers.forget (key, sizeof key);
    return failed;
}
