//! The forms in which metrics are told: OpenMetrics, and the older text that everything can read.

use std::fmt::Write as _;

/// A form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text format of Prometheus, 0.0.4.
    Text,
}

impl Exposition {
    /// The form that a client prefers, by its header `Accept`. Who does not ask for OpenMetrics gets the older text.
    pub fn accepted(accept: Option<&str>) -> Self {
        let weigh = |wanted: &[&str]| {
            let ranges = accept.into_iter().flat_map(|accept| accept.split(','));
            let weights = ranges.filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let kind = parts.next()?;
                let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
                weight.filter(|_| wanted.contains(&kind))
            });
            weights.fold(0.0_f64, f64::max)
        };
        let open = weigh(&["application/openmetrics-text"]);
        if open > 0.0 && open >= weigh(&["text/plain", "text/*"]) { Self::OpenMetrics } else { Self::Text }
    }

    /// What is said of the form in `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// OpenMetrics as the older text: a counter is declared with its suffix, and there are neither units nor an end.
pub(super) fn older_text(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let mut help: Option<&str> = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
            let suffix = if kind == "counter" { "_total" } else { "" };
            let kind = if kind == "unknown" { "untyped" } else { kind };
            let help = help.take().and_then(|help| help.split_once(' ')).map_or("", |(_, help)| help);
            _ = writeln!(text, "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}");
        } else if line.starts_with("# ") {
            // A unit, which the name says as well, or the end.
        } else {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_form_that_it_prefers() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,*/*;q=0.2";
        for (accept, form) in [
            (None, Exposition::Text),
            (Some("*/*"), Exposition::Text),
            (Some(prometheus), Exposition::OpenMetrics),
            (Some("application/openmetrics-text"), Exposition::OpenMetrics),
            (Some("application/openmetrics-text; q=0.1, text/plain"), Exposition::Text),
            (Some("application/openmetrics-text;q=0, */*"), Exposition::Text),
        ] {
            assert_eq!(Exposition::accepted(accept), form, "{accept:?}");
        }
    }

    #[test]
    fn the_older_text_declares_counters_as_they_are_asked_for() {
        let open = "# HELP a_seconds A.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\na_seconds_total{b=\"# c\"} 1\n\
            # HELP d D.\n# TYPE d unknown\nd 2\n# EOF\n";
        let text = "# HELP a_seconds_total A.\n# TYPE a_seconds_total counter\na_seconds_total{b=\"# c\"} 1\n\
            # HELP d D.\n# TYPE d untyped\nd 2\n";
        assert_eq!(older_text(open), text);
    }
}
