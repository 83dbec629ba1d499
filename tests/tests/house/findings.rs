//! What a check looked at and what it found wrong.

/// The outcome of one check.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// How many things the check looked at.
    looked_at: usize,
    /// What is wrong, each in one line that names the place and the rule.
    violations: Vec<String>,
}

impl Findings {
    pub(crate) const fn look(&mut self) {
        self.looked_at += 1;
    }

    pub(crate) fn report(&mut self, violation: String) {
        self.violations.push(violation);
    }

    /// Adds a violation unless the rule holds.
    pub(crate) fn demand(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.report(violation());
        }
    }

    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        assert!(self.looked_at > 0, "the check looked at nothing");
        assert!(
            self.violations.is_empty(),
            "{} violation(s) in {} looked at:\n{}",
            self.violations.len(),
            self.looked_at,
            self.violations.join("\n")
        );
    }

    /// For bad examples: one violation a fragment, in order, each containing its fragment.
    #[track_caller]
    pub(crate) fn assert_found(&self, fragments: &[&str]) {
        assert!(!fragments.is_empty(), "name at least one violation to be found");
        let as_expected = self.violations.len() == fragments.len()
            && self.violations.iter().zip(fragments).all(|(found, part)| found.contains(part));
        assert!(as_expected, "expected {fragments:#?}, found {:#?}", self.violations);
    }
}

#[test]
#[should_panic(expected = "looked at nothing")]
fn a_check_that_looked_at_nothing_fails() {
    Findings::default().assert_clean();
}

#[test]
#[should_panic(expected = "1 violation(s)")]
fn a_violation_fails() {
    let mut findings = Findings::default();
    findings.look();
    findings.demand(false, || "x".to_owned());
    findings.assert_clean();
}

#[test]
#[should_panic(expected = "expected")]
fn a_bad_example_that_passes_fails() {
    Findings::default().assert_found(&["x"]);
}
