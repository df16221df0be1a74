/* v1model: the rate at which packets may go to the controller. What is above it is dropped for that
 * reason. Answered ARP requests are told of at the rate of reason 0, and are not told above it. */
#ifndef _V1MODEL_PUNT_LIMIT_P4_
#define _V1MODEL_PUNT_LIMIT_P4_

control PuntLimit(inout metadata_t m) {
    @id(ID_M_PUNT) @name(".punt_meter")
    meter<bit<8>>((bit<32>)(bit<8>)PuntReason.PUNT_REASONS, MeterType.packets) punt_meter;

    apply {
        bit<8> colour = 0;
        punt_meter.execute_meter(m.verdict.punt, colour);
        if (colour == 2 && m.heard) {
            m.heard = false;
        } else if (colour == 2) {
            m.verdict.punt = 0;
            m.verdict.drop = (bit<8>)DropReason.PUNT_METER;
        }
    }
}

#endif
