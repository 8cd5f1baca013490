//! What is made of a queue's counts: the value that replicas share, and whether there is work.

use bellows_sdk::Setting;
use bellows_sdk::prelude::*;

use crate::counts::Counts;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Messages.
    QueueLength,
    /// Messages that come, each second.
    MessageRate,
    /// Messages that go, each second.
    DeliverGetRate,
    /// How many times faster they come than they go.
    PublishedToDeliveredRatio,
    /// Seconds until the queue is empty.
    ExpectedQueueConsumptionTime,
}

impl Setting for Mode {
    const KIND: &'static str = "string";
    const ACCEPTED: &'static str =
        "QueueLength, MessageRate, DeliverGetRate, PublishedToDeliveredRatio or ExpectedQueueConsumptionTime";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "QueueLength" => Some(Self::QueueLength),
            "MessageRate" => Some(Self::MessageRate),
            "DeliverGetRate" => Some(Self::DeliverGetRate),
            "PublishedToDeliveredRatio" => Some(Self::PublishedToDeliveredRatio),
            "ExpectedQueueConsumptionTime" => Some(Self::ExpectedQueueConsumptionTime),
            _ => None,
        }
    }
}

impl Mode {
    /// The reading that counts are. Where messages come or wait and none goes, no ratio and no time can be told: the value
    /// is the activation, and the workload is active whatever that is.
    pub(crate) fn reading(self, counts: Counts, activation: f64) -> Reading {
        let Counts { messages, published, delivered } = counts;
        let (value, at_a_standstill) = match self {
            Self::QueueLength => (messages, false),
            Self::MessageRate => (published, messages > activation),
            Self::DeliverGetRate => (delivered, false),
            Self::PublishedToDeliveredRatio if published <= 0.0 => (0.0, false),
            Self::PublishedToDeliveredRatio if delivered == 0.0 => (activation, true),
            Self::PublishedToDeliveredRatio => (published / delivered, false),
            // An empty queue takes no time, however fast messages pass through it.
            Self::ExpectedQueueConsumptionTime if messages == 0.0 => (0.0, false),
            Self::ExpectedQueueConsumptionTime if delivered == 0.0 => (activation, true),
            Self::ExpectedQueueConsumptionTime => {
                (((published - delivered) / delivered + messages / delivered).max(0.0), false)
            }
        };
        Reading { value, active: value > activation || at_a_standstill }
    }
}
