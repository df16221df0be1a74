/* TNA: registers in banks. A register array is bounded by the memory of one stage, so a chip with more sessions has four of
 * each, chosen by the top bits of the session id. */
#ifndef _TNA_BANKS_P4_
#define _TNA_BANKS_P4_

#define BANK_SIZE (1 << STATE_BANK_BITS)
#define INDEX m.session.id[STATE_BANK_BITS - 1 : 0]

typedef bit<STATE_BANK_BITS> bank_index_t;

#if SESSION_ID_BITS == STATE_BANK_BITS

#define BANKS(CONTROL) CONTROL() bank;
#define APPLY_BANK bank.apply(hdr, m);

#else

#define BANK m.session.id[STATE_BANK_BITS + 1 : STATE_BANK_BITS]
#define BANKS(CONTROL) CONTROL() bank_0; CONTROL() bank_1; CONTROL() bank_2; CONTROL() bank_3;
#define APPLY_BANK \
        if (BANK == 0) { bank_0.apply(hdr, m); } \
        else if (BANK == 1) { bank_1.apply(hdr, m); } \
        else if (BANK == 2) { bank_2.apply(hdr, m); } \
        else { bank_3.apply(hdr, m); }

#endif

#endif
