//! What is checked, and what came of it.

use serde::Serialize;
use serde_json::Value;

/// The name of every check, in the order they are made; also what `--break` takes.
pub(crate) const CHECKS: [&str; 31] = [
    "network-is-cut-off",
    "numbers-agree",
    "rows-become-elders",
    "ids-are-joined",
    "borrowed-ids-wait",
    "neighbours-find-each-other",
    "far-hub-through-relay",
    "readable-is-exact",
    "order-under-offer",
    "glucose-is-one-alert",
    "button-is-another",
    "caller-is-answered",
    "killed-loses-nothing",
    "leaves-when-held",
    "order-is-done",
    "ladder-climbs-alone",
    "alert-before-bulk",
    "alerts-resolved-by-name",
    "order-called-back",
    "one-field-two-values",
    "same-heads-and-views",
    "markers-found-by-readers",
    "markers-unseen-outside",
    "silent-card-opens",
    "carer-reads-nothing-new",
    "erasure-is-proved",
    "stolen-node-is-shut-out",
    "stick-brings-what-lacked",
    "stick-is-sealed",
    "custody-comes-back",
    "wiped-relay-is-refilled",
];

/// One check.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    /// Its name, one of [`CHECKS`].
    pub(crate) name: &'static str,
    /// Whether it holds.
    pub(crate) ok: bool,
    /// How many things were compared.
    pub(crate) compared: usize,
    /// What was expected, from the input files and from what the driver did.
    pub(crate) expected: Value,
    /// What was seen.
    pub(crate) seen: Value,
}

/// The checks that were made.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// In the order they were made.
    pub(crate) made: Vec<Check>,
    /// What stopped the day, where something did.
    pub(crate) broke_off: Option<String>,
}

impl Checks {
    /// Notes a check: it holds where what was seen is what was expected, and something was compared.
    pub(crate) fn equal<T: Serialize + PartialEq>(
        &mut self,
        name: &'static str,
        compared: usize,
        expected: &T,
        seen: &T,
    ) {
        self.note(name, compared, expected == seen, expected, seen);
    }

    /// Notes a check that was judged elsewhere.
    pub(crate) fn note(
        &mut self,
        name: &'static str,
        compared: usize,
        holds: bool,
        expected: &impl Serialize,
        seen: &impl Serialize,
    ) {
        let json = |value: Result<Value, _>| value.unwrap_or(Value::Null);
        self.made.push(Check {
            name,
            ok: holds && compared > 0,
            compared,
            expected: json(serde_json::to_value(expected)),
            seen: json(serde_json::to_value(seen)),
        });
    }

    /// Whether every check was made and holds, and nothing stopped the day.
    pub(crate) fn passed(&self) -> bool {
        self.broke_off.is_none()
            && self.made.iter().all(|check| check.ok)
            && CHECKS.iter().all(|name| self.made.iter().any(|check| check.name == *name))
    }

    /// The checks that were never made.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        let unmade = |name: &&'static str| !self.made.iter().any(|check| check.name == *name);
        CHECKS.iter().copied().filter(unmade).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_compared_nothing_has_failed() {
        let mut checks = Checks::default();
        checks.equal("numbers-agree", 0, &1, &1);
        checks.equal("ids-are-joined", 1, &1, &2);
        checks.equal("borrowed-ids-wait", 1, &1, &1);
        assert_eq!(
            checks.made.iter().map(|check| check.ok).collect::<Vec<_>>(),
            [false, false, true]
        );
        assert!(!checks.passed());
    }

    #[test]
    fn a_check_that_was_not_made_is_missing() {
        let mut checks = Checks::default();
        for name in &CHECKS[1..] {
            checks.equal(name, 1, &(), &());
        }
        assert!(!checks.passed());
        assert_eq!(checks.missing(), [CHECKS[0]]);
        checks.equal(CHECKS[0], 1, &(), &());
        assert!(checks.passed());
        checks.broke_off = Some("a step".to_owned());
        assert!(!checks.passed());
    }
}
