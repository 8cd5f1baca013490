//! The messages of many queues of one virtual host, from one list.
//!
//! The host puts a hundred triggers into a call and sends equal requests of one moment once, so a thousand triggers on one
//! broker cost as many requests as their virtual host has pages.

use bellows_sdk::http::{Response, unexpected};
use bellows_sdk::json::Json;
use bellows_sdk::prelude::*;

use crate::Queues;
use crate::counts::{Counts, Wanted, messages};
use crate::mode::Mode;
use crate::no_such_queue;
use crate::pattern::{MESSAGES, Page, no_such_vhost};
use crate::place::Place;

/// From how many queues of one virtual host on a list is asked for. A list costs the broker a look at every queue of the
/// virtual host, a few microseconds each, and a question for one queue some hundred microseconds: ten questions are as
/// dear as a list of a few hundred queues. Fewer are cheaper one by one, however large the virtual host is.
const QUEUES_MIN: usize = 10;

/// Queues on a page, the most that RabbitMQ gives. A name has 255 bytes at most, 1,530 where JSON escapes each of them,
/// and the counts add 100: a page stays below 1 MiB of the 4 MiB that an answer may have.
const PAGE_SIZE: u32 = 500;

/// Most pages of a list: 2,500 queues. Every page costs the broker the whole list, so in a larger virtual host the queues
/// that are not on the first page are asked for one by one.
const PAGES_MAX: u32 = 5;

/// What lists said of the queues that are wanted.
#[derive(Default)]
pub(crate) struct Totals(Vec<List>);

/// What a list said of the queues of one virtual host.
struct List {
    /// Path of its queues.
    queues: String,
    /// The queues that are wanted, in the order of their names.
    wanted: Vec<Entry>,
    /// Whether a queue that is not on it does not exist, or why there is no list. Of several pages that is not certain: a
    /// queue that is deleted between two of them moves another one from the later page to the earlier.
    complete: Result<bool>,
}

/// A queue that is wanted, and what was said of it.
struct Entry {
    name: String,
    said: Option<Said>,
}

/// The counts of a queue, each unless the broker left it out. One that is no number is as good as left out: the queue by
/// itself will tell.
struct Said {
    all: Option<f64>,
    ready: Option<f64>,
}

impl Totals {
    /// Reads a list for each virtual host for which it pays.
    pub(crate) async fn read(triggers: &[Queues], broker: &Broker) -> Self {
        let mut lists = wanted(triggers);
        if lists.is_empty() {
            return Self(lists);
        }
        // The pages that are still to be asked for, each by the place of its list.
        let mut more = Vec::new();
        let mut paths = Vec::new();
        for list in &lists {
            paths.push(path(&list.queues, 1));
        }
        let answers = broker.get_all(paths).await;
        let mut paths = Vec::new();
        for (place, list) in lists.iter_mut().enumerate() {
            let answer = match &answers {
                Ok(answers) => answers.get(place).cloned().unwrap_or_else(|| Err(no_answer())),
                Err(failure) => Err(failure.clone()),
            };
            for page in 2..=list.take_first(answer) {
                more.push(place);
                paths.push(path(&list.queues, page));
            }
        }
        if !more.is_empty() {
            // A page that does not come leaves its queues to be asked for one by one.
            let answers = broker.get_all(paths).await.unwrap_or_default();
            for (place, answer) in more.into_iter().zip(answers) {
                if let (Some(list), Ok(response)) = (lists.get_mut(place), answer)
                    && let Ok(page) = Page::of(&response)
                {
                    list.take(page);
                }
            }
        }
        Self(lists)
    }

    /// What the list says of a queue; nothing where the queue has to be asked for by itself.
    pub(crate) fn of(&self, queues: &str, name: &str, wanted: Wanted) -> Option<Result<Counts>> {
        if wanted.rates {
            return None;
        }
        let list = self.0.iter().find(|list| list.queues == queues)?;
        let complete = match &list.complete {
            Ok(complete) => *complete,
            Err(failure) => return Some(Err(failure.clone())),
        };
        let entry = list.place(name).ok().and_then(|place| list.wanted.get(place))?;
        match &entry.said {
            Some(said) => {
                let count = if wanted.ready_only { said.ready } else { said.all };
                count.map(|count| Ok(Counts::of_messages(count)))
            }
            None => complete.then(|| Err(no_such_queue(name))),
        }
    }
}

impl List {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.wanted.binary_search_by(|entry| entry.name.as_str().cmp(name))
    }

    /// Takes in the first page, and says how many there are to be read.
    fn take_first(&mut self, answer: Result<Response>) -> u32 {
        let response = answer.map_err(no_such_vhost);
        let page = response.as_ref().map_err(Failure::clone).and_then(Page::of);
        match page {
            Err(failure) => {
                self.complete = Err(failure);
                0
            }
            Ok(page) => {
                let pages = page.pages;
                self.complete = Ok(pages <= 1);
                self.take(page);
                if pages <= PAGES_MAX { pages } else { 1 }
            }
        }
    }

    fn take(&mut self, page: Page<'_>) {
        for queue in page.queues {
            let place = queue.field("name").and_then(Json::text).and_then(|name| self.place(&name).ok());
            if let Some(entry) = place.and_then(|place| self.wanted.get_mut(place)) {
                let count = |ready_only| messages(queue, Wanted { ready_only, rates: false }).ok().flatten();
                entry.said = Some(Said { all: count(false), ready: count(true) });
            }
        }
    }
}

/// The queues whose messages are wanted, by their virtual hosts, where they are many. The lists are few and their entries
/// a hundred at most, so finding a place needs no map.
fn wanted(triggers: &[Queues]) -> Vec<List> {
    let mut lists: Vec<List> = Vec::new();
    for trigger in triggers {
        let counts = trigger.target().is_some_and(|(mode, _)| mode == Mode::QueueLength) && !trigger.regex;
        let (true, Some(Place::Http { queues })) = (counts, trigger.place()) else { continue };
        if !lists.iter().any(|list| list.queues == queues) {
            lists.push(List { queues: queues.clone(), wanted: Vec::new(), complete: Ok(false) });
        }
        if let Some(list) = lists.iter_mut().find(|list| list.queues == queues)
            && let Err(place) = list.place(&trigger.queue)
        {
            list.wanted.insert(place, Entry { name: trigger.queue.clone(), said: None });
        }
    }
    lists.retain(|list| list.wanted.len() >= QUEUES_MIN);
    lists
}

fn no_answer() -> Failure {
    unexpected("the broker gave fewer answers than there were questions")
}

fn path(queues: &str, page: u32) -> String {
    format!("{queues}?page={page}&page_size={PAGE_SIZE}{MESSAGES}")
}
