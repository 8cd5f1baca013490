//! Days since 1970-01-01 and their dates, by the rules of the Gregorian calendar.
//!
//! Years are counted from March, so that the day that comes and goes is the last of a year.

/// Days of 400 years, after which the calendar repeats itself.
const ERA: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// Year, month and day of the month.
pub(crate) fn date(day: i64) -> (i64, i64, i64) {
    let day = day + EPOCH;
    let of_era = day.rem_euclid(ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / (ERA - 1)) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Five months from March on, and from August on, have 153 days.
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let year = day.div_euclid(ERA) * 400 + year;
    if month < 10 { (year, month + 3, of_month) } else { (year + 1, month - 9, of_month) }
}

/// The day of a date.
pub(crate) fn day(year: i64, month: i64, of_month: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + of_month - 1;
    year.div_euclid(400) * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// 0 for Sunday; the first day of all was a Thursday.
pub(crate) fn weekday(day: i64) -> i64 {
    (day + 4).rem_euclid(7)
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;

    #[test]
    fn every_day_of_five_centuries_is_the_date_that_it_is() {
        let first = Date::constant(1800, 1, 1);
        let start = day(1800, 1, 1);
        for (index, found) in first.series(jiff::Span::new().days(1)).take(366 * 500).enumerate() {
            let at = start + i64::try_from(index).unwrap();
            let (year, month, of_month) = (i64::from(found.year()), i64::from(found.month()), i64::from(found.day()));
            assert_eq!(date(at), (year, month, of_month));
            assert_eq!(day(year, month, of_month), at);
            assert_eq!(weekday(at), i64::from(found.weekday().to_sunday_zero_offset()));
        }
    }
}
