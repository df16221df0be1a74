/* Everything that a generated program includes. */
#ifndef P4S_H
#define P4S_H

#include "p4s_bits.h"
#include "p4s_lookup.h"
#include "p4s_state.h"
#include "p4s_types.h"

#endif
