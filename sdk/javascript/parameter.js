//! A parameter that configures a connection in the host. The scaler never sees its value.

/** One that feeds a field of the connection. */
export const fed = (name, feeds, kind, from, help) => ({ name, help, kind, required: false, from, feeds });
