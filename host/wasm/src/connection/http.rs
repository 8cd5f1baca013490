//! The pool of HTTP origins: for each origin, credentials and encryption a few connections that are kept alive, whoever
//! asks. Equal requests of one moment are sent once.

pub(crate) mod connector;
mod exchange;
mod flight;

use std::sync::Arc;

use bellows_core::connection::HttpConnection;
use bellows_core::failure::Failure;
use futures::future::{BoxFuture, join_all};
use tokio::time::{Duration, Instant};

use self::exchange::Origin;
use super::reach::Reach;
use super::slots::{Idle, Slots, Sweeper};
use crate::capability::http::{HttpRequest, HttpResponse, HttpSource};

/// Time for one request where its manifest does not say, and for all redirects on its way.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(5);

/// What connections are shared by: the origin as configured, its host completed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    connection: HttpConnection,
}

/// The pool.
pub(crate) struct HttpPool {
    shared: Arc<Shared>,
    sweeper: Sweeper,
}

struct Shared {
    reach: Arc<Reach>,
    origins: Slots<Key, Origin>,
}

impl HttpPool {
    pub(crate) fn new(reach: Arc<Reach>) -> Self {
        Self { shared: Arc::new(Shared { reach, origins: Slots::default() }), sweeper: Sweeper::default() }
    }
}

impl Idle for Shared {
    fn close_idle(&self) {
        Idle::close_idle(&self.origins);
    }
}

impl HttpSource for HttpPool {
    fn send<'call>(
        &'call self,
        namespace: &'call str,
        connection: &'call HttpConnection,
        requests: Vec<HttpRequest>,
        until: Instant,
    ) -> BoxFuture<'call, Vec<Result<HttpResponse, Failure>>> {
        self.sweeper.ensure(&self.shared);
        let until = until.min(Instant::now() + connection.timeout.unwrap_or(REQUEST_TIME_MAX));
        Box::pin(async move {
            match self.shared.origin(namespace, connection, until).await {
                Ok(origin) => join_all(requests.into_iter().map(|request| origin.answer(request, until))).await,
                Err(failure) => vec![Err(failure); requests.len()],
            }
        })
    }
}

impl Shared {
    async fn origin(
        &self,
        namespace: &str,
        connection: &HttpConnection,
        until: Instant,
    ) -> Result<Arc<Origin>, Failure> {
        let found = self.reach.find(namespace, &connection.host, until).await?;
        let key = Key { name: found.name.clone(), connection: connection.clone() };
        self.origins.get(key, |_| Origin::new(Arc::clone(&self.reach), namespace, connection))
    }
}

#[cfg(test)]
mod tests;
