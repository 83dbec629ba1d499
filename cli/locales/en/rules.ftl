# Rules: when a reading raises an alert.

about-rule = When a measurement raises an alert, and why
about-rule-list = List the rules in force for an elder
about-rule-set = Set a threshold for one elder, as a clinician
about-rule-unset = Let the published threshold hold again
about-rule-explain = Say why rules fired or did not
about-rule-replay = Try a threshold on past measurements before it is set
kind-rules = thresholds
severity-moderate = moderate
severity-high = high
rule-set-by = { $who }, { $at }: { $reason }
rule-proposed = tried only
rule-fired = { $rule } ({ $fires }; { $source }): { $readings } measurements, fired { $fired } times
rule-quiet = { $rule } ({ $fires }; { $source }): { $readings } measurements, did not fire; the nearest was { $value } at { $at }
rule-nothing = { $rule } ({ $fires }; { $source }): nothing was measured
rule-passed-over = { $count } that cannot be were passed over.
rule-episode = { $from } to { $to }: worst { $worst }, by { $device }, crossed { $crossings } times
rule-alert = (alert { $alert })
rule-no-alert = (no alert is known here)
column-rule = rule
column-fires = fires at
column-ends-at = ends at
column-severity = severity
column-rule-source = source
