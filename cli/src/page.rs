//! What the page at home says: messages of `locales/*/tablets.ftl`, which the node puts into its pages.

use linli_model::alert::AlertKind;
use linli_node::tablets::Words;

use crate::text::{Language, Text};

/// The messages, which have no arguments.
const KEYS: [&str; 53] = [
    "page-title",
    "page-language",
    "page-help",
    "page-meal",
    "page-call",
    "page-progress",
    "page-cancel-help",
    "page-cancel",
    "page-help-pressed",
    "page-meal-pressed",
    "page-call-pressed",
    "page-help-cancelled",
    "page-meal-cancelled",
    "page-call-cancelled",
    "page-not-sent",
    "page-not-stored",
    "page-help-stored",
    "page-help-reached",
    "page-help-taken",
    "page-help-coming",
    "page-help-there",
    "page-help-done",
    "page-comes",
    "page-late",
    "page-late-told",
    "page-ring-on",
    "page-meal-stored",
    "page-meal-reached",
    "page-meal-taken",
    "page-meal-coming",
    "page-meal-there",
    "page-meal-done",
    "page-call-stored",
    "page-call-reached",
    "page-call-taken",
    "page-call-coming",
    "page-call-there",
    "page-call-done",
    "page-away",
    "page-unsent",
    "page-stored-alone",
    "page-untold",
    "page-as-of",
    "page-too-late",
    "page-meal-dropped",
    "page-not-pressed",
    "page-call-phone",
    "page-pressed",
    "page-pair-title",
    "page-pair-how",
    "page-pair-code",
    "page-pair-go",
    "page-pair-wrong",
];

/// What people are there.
const ROLES: [&str; 12] = [
    "elder",
    "family",
    "operator",
    "carer",
    "social-worker",
    "grid-worker",
    "volunteer",
    "clinician",
    "clerk",
    "steward",
    "official",
    "evaluator",
];

/// The words of the page, by their keys without `page-`.
pub(crate) fn words() -> Words {
    let of = |language| {
        let text = Text::of(language);
        let short = |key: &str| key.strip_prefix("page-").unwrap_or(key).to_owned();
        let said = KEYS.into_iter().map(|key| (short(key), text.say_key(key, &[])));
        let roles = ROLES.into_iter().map(|role| (format!("role-{role}"), text.word("role", role)));
        let kinds = AlertKind::ALL.map(AlertKind::word);
        let kinds = kinds.map(|kind| (format!("what-{kind}"), text.word("alert-kind", kind)));
        said.chain(roles).chain(kinds).collect()
    };
    Words { zh: of(Language::Zh), en: of(Language::En) }
}
