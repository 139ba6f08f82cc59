use std::path::Path;

use expect_test::expect;
use interfaces_data::CheckOrigin;

use crate::{check_dataset, profile, render};

/// A week of flights as it came: what a person is told about it.
#[tokio::test]
async fn the_report_of_the_sample() {
    let sample = Path::new("../../../samples/flights-week.csv");
    let report = check_dataset(dataset::identify(sample).await.unwrap(), vec![]).await.unwrap();
    expect![[r#"
        year: Integer, 0 null, 1 distinct, 2013 to 2013; 2013 x6099
            2013.0 to 2013.0, mean 2013.0, std 0.0; 2013.0 2013.0 2013.0 2013.0 2013.0
        month: Integer, 0 null, 1 distinct, 1 to 1; 1 x6099
            1.0 to 1.0, mean 1.0, std 0.0; 1.0 1.0 1.0 1.0 1.0
        day: Integer, 0 null, 7 distinct, 1 to 7; 2 x943, 7 x933, 4 x915, 3 x914, 1 x842
            1.0 to 7.0, mean 3.9765535333661255, std 2.0128175352439497; 1.0 2.0 4.0 6.0 7.0
        dep_time: Float, 35 null, 1065 distinct, 14.0 to 2359.0; 556.0 x20, 858.0 x19, 1454.0 x19, 628.0 x17, 655.0 x17
            14.0 to 2359.0, mean 1358.5753627968338, std 477.0174119891104; 626.0 919.0 1423.5 1745.0 2058.0
        sched_dep_time: Integer, 0 null, 598 distinct, 500 to 2359; 600 x140, 1600 x97, 700 x91, 1200 x91, 900 x90
            500.0 to 2359.0, mean 1350.4518773569437, std 466.5412160097066; 630.0 908.0 1411.0 1729.0 2045.0
        dep_delay: Float, 35 null, 197 distinct, -19.0 to 853.0; -2.0 x461, -5.0 x451, -3.0 x449, -4.0 x447, -1.0 x407
            -19.0 to 853.0, mean 9.200857519788919, std 32.115722830124064; -8.0 -4.0 -1.0 9.0 64.85
        arr_time: Float, 38 null, 1123 distinct, 1.0 to 2400.0; 1102.0 x17, 1937.0 x16, 1039.0 x15, 854.0 x14, 1047.0 x14
            1.0 to 2400.0, mean 1535.497277676951, std 514.2803667051624; 807.0 1124.0 1609.0 1950.0 2247.0
        sched_arr_time: Integer, 0 null, 919 distinct, 2 to 2359; 1030 x38, 1655 x38, 1820 x36, 850 x35, 2040 x34
            2.0 to 2359.0, mean 1549.8484997540581, std 495.6378274714565; 825.0 1131.0 1611.0 1952.0 2246.0
        arr_delay: Float, 56 null, 242 distinct, -70.0 to 851.0; -6.0 x148, -9.0 x144, -7.0 x143, -10.0 x139, -4.0 x139
            -70.0 to 851.0, mean 3.8911136852556676, std 36.05189158136718; -32.0 -14.0 -3.0 12.0 63.0
        carrier: Text, 0 null, 15 distinct, 9E to YV; B6 x1107, UA x1067, EV x888, DL x858, AA x639
        flight: Integer, 0 null, 1491 distinct, 1 to 6055; 11 x21, 181 x20, 27 x18, 133 x17, 341 x16
            1.0 to 6055.0, mean 1894.2088867027383, std 1643.320594278124; 53.0 512.0 1299.0 3667.0 4626.0
        tailnum: Text, 8 null, 2048 distinct, N0EGMQ to N9EAMQ; N14542 x17, N711MQ x17, N725MQ x17, N730MQ x17, N16561 x16
        origin: Text, 0 null, 3 distinct, EWR to LGA; EWR x2211, JFK x2170, LGA x1718
        dest: Text, 0 null, 94 distinct, ALB to XNA; ATL x313, ORD x294, MCO x282, FLL x276, LAX x273
        air_time: Float, 56 null, 373 distinct, 22.0 to 659.0; 158.0 x69, 156.0 x68, 153.0 x58, 152.0 x56, 159.0 x54
            22.0 to 659.0, mean 157.54658282310112, std 92.43117055656074; 40.0 89.0 145.0 199.0 340.0
        distance: Integer, 0 null, 177 distinct, 80 to 4983; 2475 x219, 762 x197, 2586 x159, 733 x136, 719 x118
            80.0 to 4983.0, mean 1044.133136579767, std 723.4269685744305; 199.0 502.0 937.0 1389.0 2475.0
        hour: Integer, 0 null, 19 distinct, 5 to 23; 8 x496, 6 x468, 16 x462, 15 x457, 17 x452
            5.0 to 23.0, mean 13.24495818986719, std 4.653842920626839; 6.0 9.0 14.0 17.0 20.0
        minute: Integer, 0 null, 60 distinct, 0 to 59; 0 x1131, 30 x620, 45 x456, 15 x362, 20 x299
            0.0 to 59.0, mean 25.95605837022463, std 19.145111494486272; 0.0 8.5 29.0 44.0 58.0
        time_hour: Timestamp, 0 null, 133 distinct, 2013-01-01T10:00:00Z to 2013-01-08T04:00:00Z; 2013-01-02T11:00:00Z x80, 2013-01-02T13:00:00Z x80, 2013-01-03T11:00:00Z x78, 2013-01-04T11:00:00Z x78, 2013-01-07T11:00:00Z x78
    "#]].assert_eq(&profile::render(&report.columns));
    expect![[r#"
        ok Completeness(year) year is complete: every row has a value
        ok Completeness(month) month is complete: every row has a value
        ok Completeness(day) day is complete: every row has a value
        ok Range(day) day has few outliers: all values lie within -10 to 18
        ok Completeness(dep_time) dep_time is complete: 35 of 6099 rows have no value [35: [839, 840, 841, 842, 1778, 1779, 1780, 1781, 1782, 1783, 1784, 1785, 2690, 2691, 2692, 2693, 2694, 2695, 2696, 2697]]
        ok Range(dep_time) dep_time has few outliers: all values lie within -1559 to 4223
        ok Completeness(sched_dep_time) sched_dep_time is complete: every row has a value
        ok Range(sched_dep_time) sched_dep_time has few outliers: all values lie within -1555 to 4192
        ok Completeness(dep_delay) dep_delay is complete: 35 of 6099 rows have no value [35: [839, 840, 841, 842, 1778, 1779, 1780, 1781, 1782, 1783, 1784, 1785, 2690, 2691, 2692, 2693, 2694, 2695, 2696, 2697]]
        WARN Range(dep_delay) dep_delay has few outliers: 410 values lie beyond -43 to 48, of values from -19 to 853 [410: [120, 136, 152, 179, 219, 269, 270, 342, 350, 374, 392, 396, 400, 412, 448, 463, 471, 492, 498, 499]]
        ok Completeness(arr_time) arr_time is complete: 38 of 6099 rows have no value [38: [755, 839, 840, 841, 842, 1715, 1757, 1778, 1779, 1780, 1781, 1782, 1783, 1784, 1785, 2690, 2691, 2692, 2693, 2694]]
        ok Range(arr_time) arr_time has few outliers: all values lie within -1354 to 4428
        ok Completeness(sched_arr_time) sched_arr_time is complete: every row has a value
        ok Range(sched_arr_time) sched_arr_time has few outliers: all values lie within -1332 to 4415
        ok Completeness(arr_delay) arr_delay is complete: 56 of 6099 rows have no value [56: [472, 478, 616, 644, 726, 734, 755, 839, 840, 841, 842, 1072, 1181, 1605, 1607, 1651, 1715, 1757, 1778, 1779]]
        ok Range(arr_delay) arr_delay has few outliers: 159 values lie beyond -92 to 90, of values from -70 to 851 [159: [120, 152, 219, 269, 350, 396, 448, 471, 492, 498, 499, 513, 558, 605, 610, 640, 648, 650, 670, 674]]
        ok Completeness(carrier) carrier is complete: every row has a value
        ok Completeness(flight) flight is complete: every row has a value
        ok Range(flight) flight has few outliers: all values lie within -8953 to 13132
        ok Completeness(tailnum) tailnum is complete: 8 of 6099 rows have no value [8: [1783, 1785, 2698, 2699, 3609, 3610, 4333, 6099]]
        ok Completeness(origin) origin is complete: every row has a value
        ok Completeness(dest) dest is complete: every row has a value
        ok Completeness(air_time) air_time is complete: 56 of 6099 rows have no value [56: [472, 478, 616, 644, 726, 734, 755, 839, 840, 841, 842, 1072, 1181, 1605, 1607, 1651, 1715, 1757, 1778, 1779]]
        ok Range(air_time) air_time has few outliers: 14 values lie beyond -241 to 529, of values from 22 to 659 [14: [163, 380, 1074, 1294, 2019, 2235, 2923, 3134, 3792, 3964, 4552, 4706, 5474, 5615]]
        ok Completeness(distance) distance is complete: every row has a value
        ok Range(distance) distance has few outliers: 14 values lie beyond -2159 to 4050, of values from 80 to 4983 [14: [163, 380, 1074, 1294, 2019, 2235, 2923, 3134, 3792, 3964, 4552, 4706, 5474, 5615]]
        ok Completeness(hour) hour is complete: every row has a value
        ok Range(hour) hour has few outliers: all values lie within -15 to 41
        ok Completeness(minute) minute is complete: every row has a value
        ok Range(minute) minute has few outliers: all values lie within -98 to 150.5
        ok Completeness(time_hour) time_hour is complete: every row has a value
    "#]].assert_eq(&render(&report.checks, CheckOrigin::Inferred));
    expect!["6099 rows, score 0.9956365136537455, Warned"]
        .assert_eq(&format!("{} rows, score {:?}, {:?}", report.rows, report.score, report.verdict));
}
