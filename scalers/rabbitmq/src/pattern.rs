//! All queues that match a pattern, page by page, and what is made of them.

use bellows_sdk::http::{self, unexpected};
use bellows_sdk::json::{Items, Json};
use bellows_sdk::prelude::*;
use bellows_sdk::{Number as _, Setting};

use crate::counts::{Counts, Wanted};

/// Most pages that are read, so that an exchange stays within a hundred requests.
const PAGES_MAX: u32 = 100;
/// Most queues that are read: with a name of a hundred bytes and some 200 for their counts they come to 3 MiB, and 8 MiB
/// is what the host hands over at once.
const QUEUES_MAX: u32 = 10_000;

/// What to make of several queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Sum,
    Average,
    Maximum,
}

impl Setting for Operation {
    const KIND: &'static str = "string";
    const ACCEPTED: &'static str = "sum, avg or max";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "sum" => Some(Self::Sum),
            "avg" => Some(Self::Average),
            "max" => Some(Self::Maximum),
            _ => None,
        }
    }
}

impl Operation {
    /// One set of counts of several. Averages of counts are whole, as in KEDA; a maximum is each field's own.
    fn of(self, all: &[Counts]) -> Counts {
        let none = Counts::of_messages(0.0);
        let combined = |one: &dyn Fn(f64, f64) -> f64| {
            all.iter().fold(none, |so_far, counts| Counts {
                messages: one(so_far.messages, counts.messages),
                published: one(so_far.published, counts.published),
                delivered: one(so_far.delivered, counts.delivered),
            })
        };
        match self {
            Self::Maximum => combined(&f64::max),
            Self::Sum => combined(&|one, other| one + other),
            Self::Average if all.is_empty() => none,
            Self::Average => {
                let (sum, count) = (combined(&|one, other| one + other), all.len().to_f64());
                Counts {
                    messages: (sum.messages / count).trunc(),
                    published: sum.published / count,
                    delivered: sum.delivered / count,
                }
            }
        }
    }
}

/// Reads all queues below a path whose names match.
pub(crate) async fn read(
    queues: &str,
    pattern: &str,
    page_size: u32,
    operation: Operation,
    wanted: Wanted,
    broker: &Broker,
) -> Result<Counts> {
    let columns = if wanted.rates { RATES } else { MESSAGES };
    let name = http::encoded(pattern);
    let path = |page: u32| format!("{queues}?page={page}&page_size={page_size}&name={name}&use_regex=true{columns}");
    let response = broker.get(path(1)).await.map_err(no_such_vhost)?;
    let first = Page::of(&response)?;
    let pages_max = PAGES_MAX.min(QUEUES_MAX / page_size);
    if first.pages > pages_max {
        let message = format!("more than {pages_max} pages of {page_size} queues match, which is too many to read");
        return Err(Failure::transient("too-many-queues", message));
    }
    let (mut more, mut all) = (Vec::new(), Vec::new());
    for page in 2..=first.pages {
        more.push(path(page));
    }
    first.add_to(&mut all, wanted)?;
    if !more.is_empty() {
        for response in broker.get_all(more).await? {
            Page::of(&response?)?.add_to(&mut all, wanted)?;
        }
    }
    Ok(operation.of(&all))
}

/// A few fields of each queue: without statistics where only totals are wanted, which is far cheaper for the broker.
/// Brokers that do not know the first two parameters tell of the same fields all the same.
pub(crate) const MESSAGES: &str = "&disable_stats=true&enable_queue_totals=true&columns=name,messages,messages_ready";
const RATES: &str = "&columns=name,messages,messages_ready,messages_details.rate,message_stats.publish_details.rate,\
                     message_stats.deliver_get_details.rate";

/// A page of queues.
pub(crate) struct Page<'a> {
    /// How many there are.
    pub(crate) pages: u32,
    /// The queues of this one.
    pub(crate) queues: Items<'a>,
}

impl<'a> Page<'a> {
    /// The page that an answer is.
    pub(crate) fn of(response: &'a http::Response) -> Result<Self> {
        let document = response.json()?;
        let pages = document.field("page_count").and_then(Json::number).filter(|pages| *pages >= 0.0);
        let queues = document.field("items").and_then(Json::items);
        match (pages, queues) {
            // The broker counts in whole numbers; a count beyond what is read is the largest one.
            (Some(pages), Some(queues)) => Ok(Self { pages: pages as u32, queues }),
            _ => Err(unexpected("the broker's answer is no page of queues")),
        }
    }

    /// Adds the counts of its queues to those of others.
    fn add_to(self, all: &mut Vec<Counts>, wanted: Wanted) -> Result<()> {
        for queue in self.queues {
            all.push(Counts::of(queue, wanted)?);
        }
        Ok(())
    }
}

/// A list of queues is there whenever their virtual host is.
pub(crate) fn no_such_vhost(failure: Failure) -> Failure {
    match failure {
        Failure::Absent(_) => {
            Failure::absent("no-such-vhost", "the broker has no such virtual host, or no HTTP API here")
        }
        other => other,
    }
}
