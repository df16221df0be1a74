/* P4Runtime ids. Once released an id is never reused for something else. p4c adds the type's prefix byte. */
#ifndef _IDS_P4_
#define _IDS_P4_

/* tables */
#define ID_T_PORT            1
#define ID_T_OWN_ADDRESS     2
#define ID_T_SERVICE         3
#define ID_T_SESSION_IN      4
#define ID_T_SESSION_OUT     5
#define ID_T_ROUTE           6
/* 7 was the table of neighbors by address. */
#define ID_T_SERVER_IN       8
#define ID_T_SERVER_OUT      9
#define ID_T_IPV4_HOST       10
#define ID_T_NEXT_HOP        11
#define ID_T_OWN_ADDRESS6    12
#define ID_T_SERVICE6        13
#define ID_T_SESSION_IN6     14
#define ID_T_SESSION_OUT6    15
#define ID_T_ROUTE6          16
#define ID_T_IPV6_HOST       17
#define ID_T_SERVICE_MATCH   18
#define ID_T_SERVICE_MATCH6  19
#define ID_T_SESSION46       20
#define ID_T_BUCKET          30
#define ID_T_SNAT_MATCH      46
#define ID_T_SNAT_MATCH6     47
#define ID_T_POLICY          40
#define ID_T_POLICY_OF_ALL   41
#define ID_T_LIST            42
#define ID_T_LIST6           43
#define ID_T_LIST_OF_ALL     44
#define ID_T_LIST_OF_ALL6    45
#define ID_T_COOKIE_KEY      50

/* actions */
#define ID_A_PORT_SET        1
#define ID_A_OWN_VIP         2
#define ID_A_OWN_LOCAL       3
#define ID_A_OWN_INTERFACE   4
#define ID_A_SERVICE_PUNT    5
#define ID_A_FULLNAT_IN      6
#define ID_A_FULLNAT_OUT     7
/* 8 was route_via with the address of a gateway. */
#define ID_A_ROUTE_CONNECTED 9
#define ID_A_ROUTE_DROP      10
/* 11 and 13 were of the table of neighbors by address. */
#define ID_A_NO_ROUTE        12
#define ID_A_TO_SERVER       14
#define ID_A_FROM_VIP        15
#define ID_A_NO_SERVER       16
#define ID_A_ROUTE_VIA       17
#define ID_A_NEXT_HOP_SET    18
#define ID_A_NEXT_HOP_UNRESOLVED 19
#define ID_A_TO_SERVER_DIRECT 20
#define ID_A_TO_SERVER_TUNNEL 21
#define ID_A_FULLNAT_IN6     22
#define ID_A_FULLNAT_OUT6    23
#define ID_A_TO_SERVER6      24
#define ID_A_TO_SERVER_DIRECT6 25
#define ID_A_TO_SERVER_TUNNEL6 26
#define ID_A_FROM_VIP6       27
#define ID_A_OWN_VIP_SILENT  30
#define ID_A_TO_SERVER_GUE   31
#define ID_A_MATCH_PUNT      32
#define ID_A_TO_SERVER_ANY   33
#define ID_A_TO_SERVER_ANY6  34
#define ID_A_FROM_VIP_ANY    35
#define ID_A_FROM_VIP_ANY6   36
#define ID_A_NAT46_IN        40
#define ID_A_NAT46_OUT       41
#define ID_A_NAT64_IN        42
#define ID_A_NAT64_OUT       43
#define ID_A_NO_INTERFACE    50
#define ID_A_SERVICE_STATELESS 51
#define ID_A_BUCKET_SERVER   52
#define ID_A_NO_BUCKET       53
#define ID_A_TO_SERVER_GUE6  54
#define ID_A_TO_OUTSIDE      80
#define ID_A_TO_OUTSIDE6     81
#define ID_A_FROM_OUTSIDE    82
#define ID_A_FROM_OUTSIDE6   83
#define ID_A_SNAT_PUNT       84
#define ID_A_SERVICE_PUNT_POLICED 70
#define ID_A_SERVICE_STATELESS_POLICED 71
#define ID_A_MATCH_PUNT_POLICED 72
#define ID_A_POLICY_SET      73
#define ID_A_POLICY_OF_ALL_SET 74
#define ID_A_LIST_PASS       75
#define ID_A_LIST_REFUSE     76
#define ID_A_SPLICED_IN      60
#define ID_A_SPLICED_OUT     61
#define ID_A_SPLICED_IN6     62
#define ID_A_SPLICED_OUT6    63
#define ID_A_COOKIE_KEY_SET  66
#define ID_A_NO_COOKIE_KEY   67

/* counters, meters, registers */
#define ID_C_DROP            1
#define ID_C_PUNT            2
#define ID_C_TOA             3
#define ID_C_SERVER_IN       4
#define ID_C_SERVER_OUT      5
#define ID_DC_SESSION_IN     6
#define ID_DC_SESSION_OUT    7
#define ID_DC_SESSION_IN6    8
#define ID_DC_SESSION_OUT6   9
#define ID_DC_SESSION46      12
#define ID_C_COOKIE          20
#define ID_M_PUNT            1
#define ID_R_EVENTS          1
#define ID_R_FIRST_DATA_SEQ  2
#define ID_R_SERVER_END_SEQ  3
#define ID_R_SERVER_ACK_SEQ  4
#define ID_R_CLIENT_END_SEQ  5
#define ID_R_CLIENT_ACK_SEQ  6
#define ID_R_LAST_END_SEQ    7
#define ID_R_FRAGMENT_KEY    8
#define ID_R_FRAGMENT_FLOW   9
#define ID_R_PROXY           10
#define ID_R_SERVICE_PACE    30
#define ID_R_SOURCE_PACE     31
#define ID_R_COOKIE_SENT     32

#endif
