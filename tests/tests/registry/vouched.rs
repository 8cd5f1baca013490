//! What an authority and a log vouch for, in each of cosign's two forms.

use super::notary::{Moment, payload, sealed, statement};

/// How a signature is put beside an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Older,
    Newer,
}

pub(super) const FORMS: [Form; 2] = [Form::Older, Form::Newer];

/// A payload or statement, its signature, and what the log notes of them.
pub(super) struct Made {
    pub(super) moment: Moment,
    pub(super) content: String,
    pub(super) signature: Vec<u8>,
    pub(super) body: String,
}

impl Made {
    pub(super) fn about(digest: &str, moment: Moment, form: Form) -> Self {
        let (content, signature, body);
        match form {
            Form::Older => {
                content = payload(digest);
                signature = moment.sign(content.as_bytes());
                body = moment.hashed(content.as_bytes(), &signature);
            }
            Form::Newer => {
                content = statement(digest);
                signature = moment.sign(&sealed(&content));
                body = moment.enveloped(content.as_bytes(), &signature);
            }
        }
        Self { moment, content, signature, body }
    }
}
