// Makes the class ITURP_1812 of crc-covlib callable from Python (cases.load_crc_covlib); build as tests/golden/README.md says.
#include "ITURP_1812.h"

extern "C" double p1812_loss_db(double freq_ghz, double time_pct, double tx_lat_deg, double rx_lat_deg, double tx_agl_m,
                                double rx_agl_m, int vertical, unsigned points, double* distance_km, double* terrain_m,
                                double* clutter_m, int* zone, double tx_coast_km, double rx_coast_km, double delta_n,
                                double surface_refractivity) {
    ITURP_1812 model;
    model.SetPredictionResolution(0.0);  // no spread of locations: its quantile at 50 % is 0 to 1e-9 only
    static_assert(sizeof(ITURP_452_1812_common::RadioClimaticZone) == sizeof(int), "zones are passed as int");
    auto zones = reinterpret_cast<ITURP_452_1812_common::RadioClimaticZone*>(zone);
    return model.BasicTransmissionloss(freq_ghz, time_pct, 50.0, tx_lat_deg, 0.0, rx_lat_deg, 0.0, tx_agl_m, rx_agl_m,
                                       vertical != 0, points, distance_km, terrain_m, nullptr, clutter_m, nullptr,
                                       zones, tx_coast_km, rx_coast_km, delta_n, surface_refractivity);
}
