//! What people read, in their language: Project Fluent messages of `cli/locales/`.

use std::rc::Rc;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use linli_node::config::Environment;
use unic_langid::LanguageIdentifier;

/// The messages of each language, file by file.
const ZH: &[&str] = &[
    include_str!("../locales/zh/audit.ftl"),
    include_str!("../locales/zh/about.ftl"),
    include_str!("../locales/zh/contacts.ftl"),
    include_str!("../locales/zh/courier.ftl"),
    include_str!("../locales/zh/errors.ftl"),
    include_str!("../locales/zh/network.ftl"),
    include_str!("../locales/zh/officers.ftl"),
    include_str!("../locales/zh/care.ftl"),
    include_str!("../locales/zh/erasure.ftl"),
    include_str!("../locales/zh/grants.ftl"),
    include_str!("../locales/zh/people.ftl"),
    include_str!("../locales/zh/datamap.ftl"),
    include_str!("../locales/zh/demo.ftl"),
    include_str!("../locales/zh/desk.ftl"),
    include_str!("../locales/zh/reach.ftl"),
    include_str!("../locales/zh/recovery.ftl"),
    include_str!("../locales/zh/refusals.ftl"),
    include_str!("../locales/zh/paper.ftl"),
    include_str!("../locales/zh/plans.ftl"),
    include_str!("../locales/zh/payloads.ftl"),
    include_str!("../locales/zh/rules.ftl"),
    include_str!("../locales/zh/sensors.ftl"),
    include_str!("../locales/zh/records.ftl"),
    include_str!("../locales/zh/tablets.ftl"),
];
const EN: &[&str] = &[
    include_str!("../locales/en/audit.ftl"),
    include_str!("../locales/en/about.ftl"),
    include_str!("../locales/en/contacts.ftl"),
    include_str!("../locales/en/courier.ftl"),
    include_str!("../locales/en/errors.ftl"),
    include_str!("../locales/en/network.ftl"),
    include_str!("../locales/en/officers.ftl"),
    include_str!("../locales/en/care.ftl"),
    include_str!("../locales/en/erasure.ftl"),
    include_str!("../locales/en/grants.ftl"),
    include_str!("../locales/en/people.ftl"),
    include_str!("../locales/en/datamap.ftl"),
    include_str!("../locales/en/demo.ftl"),
    include_str!("../locales/en/desk.ftl"),
    include_str!("../locales/en/reach.ftl"),
    include_str!("../locales/en/recovery.ftl"),
    include_str!("../locales/en/refusals.ftl"),
    include_str!("../locales/en/paper.ftl"),
    include_str!("../locales/en/plans.ftl"),
    include_str!("../locales/en/payloads.ftl"),
    include_str!("../locales/en/rules.ftl"),
    include_str!("../locales/en/sensors.ftl"),
    include_str!("../locales/en/records.ftl"),
    include_str!("../locales/en/tablets.ftl"),
];

/// A language that messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    fn id(self) -> LanguageIdentifier {
        // The names are well formed; the default would only change how numbers are grouped.
        match self {
            Self::Zh => "zh-CN".parse().unwrap_or_default(),
            Self::En => "en".parse().unwrap_or_default(),
        }
    }

    /// Reads `zh`, `zh_CN.UTF-8`, `en` and the like.
    fn of_locale(name: &str) -> Option<Self> {
        match name.get(..2)?.to_ascii_lowercase().as_str() {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }
}

/// The messages of one language.
#[derive(Clone)]
pub(crate) struct Text {
    bundle: Rc<FluentBundle<FluentResource>>,
}

/// A named argument of a message.
pub(crate) type Argument<'a> = (&'a str, FluentValue<'a>);

impl Text {
    /// Chooses the language: what was asked for, else `LINLI_LANG`, else the locale of the
    /// environment (POSIX: `LC_ALL`, `LC_MESSAGES`, `LANG`), else English.
    pub(crate) fn choose(asked: Option<&str>, environment: &Environment) -> Self {
        let of = |name| environment.text(name).ok().flatten();
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(of);
        let language = [asked, of("LINLI_LANG"), locale]
            .into_iter()
            .flatten()
            .find_map(Language::of_locale)
            .unwrap_or(Language::En);
        Self::of(language)
    }

    /// The messages of a language.
    pub(crate) fn of(language: Language) -> Self {
        let mut bundle = FluentBundle::new(vec![language.id()]);
        bundle.set_use_isolating(false);
        let files = match language {
            Language::Zh => ZH,
            Language::En => EN,
        };
        for file in files {
            // A message that cannot be read is missing, which the tests of this module find.
            let resource = match FluentResource::try_new((*file).to_owned()) {
                Ok(resource) | Err((resource, _)) => resource,
            };
            bundle.add_resource_overriding(resource);
        }
        Self { bundle: Rc::new(bundle) }
    }

    /// Returns a message. The key is written out at every call, so that a test can find them all.
    pub(crate) fn say(&self, key: &'static str, arguments: &[Argument<'_>]) -> String {
        self.say_key(key, arguments)
    }

    /// Returns the message of a key that is put together from a code or a name.
    pub(crate) fn say_key(&self, key: &str, arguments: &[Argument<'_>]) -> String {
        self.format(key, arguments).unwrap_or_else(|| key.to_owned())
    }

    /// Returns the message of a key, where there is one.
    pub(crate) fn find(&self, key: &str) -> Option<String> {
        self.format(key, &[])
    }

    /// Returns the word for a value such as a state: the message `<prefix>-<value>`, else the value.
    pub(crate) fn word(&self, prefix: &str, value: &str) -> String {
        let key = format!("{prefix}-{}", value.replace('_', "-"));
        self.find(&key).unwrap_or_else(|| value.to_owned())
    }

    fn format(&self, key: &str, arguments: &[Argument<'_>]) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let arguments: FluentArgs<'_> = arguments.iter().cloned().collect();
        let mut errors = Vec::new();
        Some(self.bundle.format_pattern(pattern, Some(&arguments), &mut errors).into_owned())
    }
}

#[cfg(test)]
mod tests;
