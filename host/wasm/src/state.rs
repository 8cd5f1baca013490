//! What belongs to one call of a component: its budget, its handles and what it was lent. It lives as long as the store
//! of that call, and nothing of it is carried over to the next.

use wasmtime::component::ResourceTable;

use crate::capability::log::LogView;
use crate::capability::memo::MemoView;
use crate::lending::Lending;
use crate::limits::Budget;

/// The data of a store.
pub(crate) struct State {
    pub(crate) budget: Budget,
    pub(crate) handles: ResourceTable,
    pub(crate) lending: Lending,
    pub(crate) memo: MemoView,
    pub(crate) log: LogView,
}

impl State {
    pub(crate) fn new(budget: Budget, lending: Lending, memo: MemoView, log: LogView) -> Self {
        let mut handles = ResourceTable::new();
        // A scaler holds one handle for each connection that it declared; 64 is far beyond any.
        handles.set_max_capacity(64);
        Self { budget, handles, lending, memo, log }
    }
}
