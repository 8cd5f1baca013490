//! What an author of scalers imports: settings declared once, replies instead of sockets, one `yield` for each question.
//!
//! Nothing here names Kubernetes, an address or a credential, and nothing is kept between calls.

export { Failure, absent, denied, invalid, transient, unexpected } from "./failure.js";
export { encoded } from "./http.js";
export { cmd } from "./redis.js";
export { Scaler, above, averageValue, problem, value } from "./scaler.js";
export { flag, list, number, text, whole } from "./setting.js";
