//! How series get into the text of a scrape.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::registry::{Metric, Registry};

use super::table::{Kind, Row};

/// Labels that are told apart by the names of a row.
type Values<'a, const LABELS: usize> = [&'a str; LABELS];

/// Puts a metric that counts by itself into the registry.
pub(super) fn add(registry: &mut Registry, row: Row, metric: &(impl Metric + Clone)) {
    match row.unit() {
        Some(unit) => registry.register_with_unit(row.stem(), row.help, unit, metric.clone()),
        None => registry.register(row.stem(), row.help, metric.clone()),
    }
}

/// Writes a gauge, or a counter under an older name: a value for each set of labels.
pub(super) fn gauges<'a, const LABELS: usize, Value: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    row: Row,
    series: impl IntoIterator<Item = (Values<'a, LABELS>, Value)>,
) -> fmt::Result {
    let (unit, help) = (row.unit(), format!("{}.", row.help));
    let mut out = encoder.encode_descriptor(row.stem(), &help, unit.as_ref(), row.kind.into())?;
    for (values, value) in series {
        if values.is_empty() {
            // An empty pair of braces is not forbidden, but nobody expects it.
            out.encode_gauge(&value)?;
        } else {
            out.encode_family(&labels(row, values))?.encode_gauge(&value)?;
        }
    }
    Ok(())
}

/// Writes a counter.
pub(super) fn counters<'a, const LABELS: usize>(
    encoder: &mut DescriptorEncoder<'_>,
    row: Row,
    series: impl IntoIterator<Item = (Values<'a, LABELS>, u64)>,
) -> fmt::Result {
    if row.kind != Kind::Counter {
        return gauges(encoder, row, series);
    }
    let (unit, help) = (row.unit(), format!("{}.", row.help));
    let mut out = encoder.encode_descriptor(row.stem(), &help, unit.as_ref(), row.kind.into())?;
    for (values, count) in series {
        out.encode_family(&labels(row, values))?.encode_counter::<NoLabelSet, u64, f64>(&count, None)?;
    }
    Ok(())
}

fn labels<const LABELS: usize>(row: Row, values: Values<'_, LABELS>) -> [(&'static str, &str); LABELS] {
    std::array::from_fn(|place| {
        let name = row.labels.get(place).copied().unwrap_or_default();
        (name, values.get(place).copied().unwrap_or_default())
    })
}
