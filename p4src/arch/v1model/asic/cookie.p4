/* v1model in the ASIC's place: no SYN cookies. A configuration that asks for them is refused; the actions of sessions that they begin are in
 * P4Info all the same, and translate nothing. */
#ifndef _V1MODEL_ASIC_COOKIE_P4_
#define _V1MODEL_ASIC_COOKIE_P4_

#define AWAIT_SERVER(VALUE)
#define NARROW_WINDOW(BITS) m.session.client_scale = m.session.client_scale - BITS;
#define SPLICE_SEQ
#define OPEN_WINDOW

#endif
