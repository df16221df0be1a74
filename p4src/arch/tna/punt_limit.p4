/* TNA: the rate at which packets may go to the controller. What is above it is dropped for that reason; Verdict sees the
 * colour. */
#ifndef _TNA_PUNT_LIMIT_P4_
#define _TNA_PUNT_LIMIT_P4_

#define METER_RED 3

control PuntLimit(inout metadata_t m) {
    @id(ID_M_PUNT) @name(".punt_meter")
    Meter<bit<8>>((bit<32>)(bit<8>)PuntReason.PUNT_REASONS, MeterType_t.PACKETS) punt_meter;

    @hidden
    action meter_punt() { m.target.colour = punt_meter.execute(m.verdict.punt); }

    @hidden
    action drop_if_over() { m.verdict.drop = (bit<8>)DropReason.PUNT_METER; }

    apply {
        meter_punt();
        if (m.verdict.punt != (bit<8>)PuntReason.NEIGHBOR) { drop_if_over(); }
    }
}

#endif
