/* v1model: the rate at which packets may go to the controller. What is above it is dropped for that
 * reason; what is refused is for its own. ARP requests and neighbor solicitations are answered above it too, and not told. Answers to echo
 * requests, which have no reason, have a meter as well: number 0. */
#ifndef _V1MODEL_PUNT_LIMIT_P4_
#define _V1MODEL_PUNT_LIMIT_P4_

control PuntLimit(inout metadata_t m) {
    @id(ID_M_PUNT) @name(".punt_meter")
    meter<bit<8>>((bit<32>)(bit<8>)PuntReason.PUNT_REASONS, MeterType.packets) punt_meter;

    apply {
        bit<8> colour = 0;
        punt_meter.execute_meter(m.verdict.punt, colour);
        if (colour == 2) {
            if (m.verdict.punt != (bit<8>)PuntReason.NEIGHBOR && m.verdict.punt != (bit<8>)PuntReason.NEIGHBOR6
                && m.verdict.punt != (bit<8>)PuntReason.REFUSED) {
                m.verdict.drop = (bit<8>)DropReason.PUNT_METER;
            }
            m.verdict.punt = 0;
        }
    }
}

#endif
